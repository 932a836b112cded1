"""Six losses of different kinds on classes never seen, by the protocol of tm.tuning.benchmark.

    python -m benchmarks.protocol                      # glyphs, about 15 minutes on one core
    python -m benchmarks.protocol --dataset tfds:omniglot --data-dir ../shared/tfds --image-size 28

Each loss has its defaults, or with --max-trials a search of as many trials. Stopped and started
again it goes on; the page and the picture are in --directory, and with --output the page is copied
beside the other results.
"""

import argparse
from pathlib import Path

from benchmarks.machine import describe

# A hinge on triplets, pairs by similarity, softmax over the batch, the rank itself, and proxies.
LOSSES = (
    ("triplet hard", "TripletLoss", {"mining": "hard"}),
    ("triplet semi-hard", "TripletLoss", {"mining": "semi-hard"}),
    ("multi-similarity", "MultiSimilarityLoss", {}),
    ("nt-xent", "NTXentLoss", {}),
    ("smooth-ap", "SmoothAPLoss", {}),
    ("arcface", "ArcFaceLoss", {}),
)


def contenders(wanted, settings):
    """Settings by label: those above by label, and others by the name of their class."""
    known = {label: settings.replace(loss=loss, loss_arguments=own) for label, loss, own in LOSSES}
    wanted = wanted or list(known)
    return {label: known.get(label) or settings.replace(loss=label) for label in wanted}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="glyphs", help="a source of tm.datasets.load")
    parser.add_argument("--data-dir", help="of tensorflow-datasets")
    parser.add_argument("--image-size", type=int)
    known = ", ".join(repr(label) for label, _, _ in LOSSES)
    parser.add_argument("--losses", nargs="*", help=f"some of {known}, or names of classes")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60, help="batches an epoch")
    parser.add_argument("--batch", nargs=2, type=int, default=[16, 4], metavar=("P", "K"))
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--max-trials", type=int, default=0)
    parser.add_argument("--test-classes", type=int, default=300, help="judged on so many of them")
    parser.add_argument("--concatenated", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--output", type=Path, help="such as benchmarks/results/protocol.md")
    parser.add_argument("--overwrite", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()

    import numpy as np
    import tensorflow as tf

    import tfmetric as tm

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    where = {} if options.data_dir is None else {"data_dir": options.data_dir}
    train, test = tm.datasets.load(options.dataset, image_size=options.image_size, **where)
    if test.num_classes > options.test_classes:
        # All of it says little more, and takes longer than the training.
        chosen = np.random.default_rng(0).permutation(test.classes)[: options.test_classes]
        test = test.subset(np.isin(test.labels, chosen))
    settings = tm.training.Settings(
        epochs=options.epochs,
        batches_per_epoch=options.steps,
        classes_per_batch=options.batch[0],
        examples_per_class=options.batch[1],
        filters=options.filters,
    )
    result = tm.tuning.benchmark(
        train,
        test,
        contenders(options.losses, settings),
        seeds=options.seeds,
        folds=options.folds,
        max_trials=options.max_trials,
        concatenated=options.concatenated,
        directory=options.directory,
        overwrite=options.overwrite,
    )
    print(result.summary())
    if options.output:
        machine = describe()["machine"]
        about = ", ".join(f"{name} {value}" for name, value in machine.items())
        options.output.parent.mkdir(parents=True, exist_ok=True)
        text = f"{result.to_markdown()}- {about}, {options.threads} threads.\n"
        options.output.write_text(text, encoding="utf-8")
        result.figure(title=options.dataset).savefig(options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
