"""What P×K batches and the loss cost within a training.

    python -m benchmarks.training

First the input: examples a second that ``datasets.balanced_batches`` yields, over those of a plain
shuffled ``tf.data`` pipeline of the same arrays and the same decoding. Then the step: seconds an
epoch of ``fit`` with the loss, over the same epoch with a loss that costs nothing.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.machine import describe


def examples_a_second(batches):
    """Over one pass."""
    start, number = time.perf_counter(), 0
    for x, _ in batches:
        number += len(x)
    return number / (time.perf_counter() - start)


def input_row(data, classes, each, passes, repeats):
    """Balanced and plain batches in turn; an epoch is so many passes over the data."""
    import numpy as np
    import tensorflow as tf

    import tfmetric as tm

    size = classes * each
    x, labels = data.read(), data.labels
    plain = (
        tf.data.Dataset.from_tensor_slices((x, labels))
        .shuffle(len(x), seed=0)
        .batch(size, drop_remainder=True)
        .repeat(passes)
        .prefetch(tf.data.AUTOTUNE)
    )
    balanced = tm.datasets.balanced_batches(
        data,
        classes_per_batch=classes,
        examples_per_class=each,
        batches_per_epoch=passes * (len(data) // size),
        seed=0,
    )
    rates = np.array(
        [[examples_a_second(b) for b in (balanced, plain)] for _ in range(repeats + 1)]
    )[1:]
    ours, theirs = np.median(rates, axis=0)
    return {
        "batch": f"{classes}x{each}",
        "passes": passes,
        "balanced": round(float(ours)),
        "plain": round(float(theirs)),
        "ratio": round(float(np.median(rates[:, 0] / rates[:, 1])), 2),
    }


def step_rows(data, classes, each, repeats):
    """Seconds an epoch with each loss, and without one."""
    import keras
    import numpy as np
    from keras import ops

    import tfmetric as tm

    batches = tm.datasets.balanced_batches(
        data, classes_per_batch=classes, examples_per_class=each, batches_per_epoch=40, seed=0
    )

    def nothing(y_true, y_pred):
        return ops.mean(y_pred, axis=-1)

    losses = {
        "none": nothing,
        "triplet hard": tm.TripletLoss(mining="hard"),
        "triplet semi-hard": tm.TripletLoss(mining="semi-hard"),
        "triplet all": tm.TripletLoss(mining="all"),
        "contrastive": tm.ContrastiveLoss(),
    }
    models = {}
    for name, loss in losses.items():
        keras.utils.set_random_seed(0)
        models[name] = tm.models.embedder(data.element_shape, 64)
        models[name].compile("adam", loss=loss)
        models[name].fit(batches, shuffle=False, verbose=0)
    times = {name: [] for name in losses}
    for _ in range(repeats):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(batches, shuffle=False, verbose=0)
            times[name].append(time.perf_counter() - start)
    bare = float(np.median(times["none"]))
    rows = []
    for name, seconds in times.items():
        took = float(np.median(seconds))
        share = float(np.median(1 - np.array(times["none"]) / seconds))
        rows.append({"loss": name, "ms_a_step": 25 * took, "share": share if took > bare else 0.0})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="glyphs")
    parser.add_argument("--data-dir")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/training.json"))
    options = parser.parse_args()

    import tfmetric as tm

    where = {} if options.data_dir is None else {"data_dir": options.data_dir}
    train, _ = tm.datasets.load(options.source, **where)
    rows = []
    for batch, passes in (((32, 8), 1), ((32, 8), 20), ((64, 4), 1), ((64, 4), 20)):
        row = input_row(train, *batch, passes, options.repeats)
        rows.append(row)
        print(
            f"{row['batch']}, epochs of {passes} passes: {row['balanced']:,} examples a second, "
            f"plain {row['plain']:,}, ratio {row['ratio']:.2f}"
        )
    steps = step_rows(train, 48, 4, options.repeats)
    for row in steps:
        print("{loss:<20}{ms_a_step:>8.2f} ms a step, the loss {share:.1%} of it".format(**row))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    result = {"command": " ".join(sys.argv[1:]), **describe("keras", "tensorflow")}
    options.output.write_text(
        json.dumps({**result, "input": rows, "steps": steps}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
