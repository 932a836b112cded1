"""Batch-hard from scratch on Omniglot: stuck at the margin, and what mining warm-up does about it.

    python -m benchmarks.warmup --data-dir ../shared/tfds

Trains the same network from the same weights on the same batches with each mining, and prints the
loss, the mean distance of the hardest negative, and recall@1 on unseen characters.
"""

import argparse

MININGS = {
    "hard": {"mining": "hard"},
    "hard, warmup": {"mining": "hard", "warmup": True},
    "semi-hard": {"mining": "semi-hard"},
    "hard, soft margin": {"mining": "hard", "margin": None},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--minings", nargs="*", choices=list(MININGS), default=list(MININGS))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--report-every", type=int, default=100)
    parser.add_argument("--margin", type=float, default=0.2)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    import keras

    import tfmetric as tm

    train, test = tm.datasets.load("tfds:omniglot", data_dir=options.data_dir, image_size=28)
    judged = test.subset(range(3000))
    for name in options.minings:
        keras.utils.set_random_seed(options.seed)
        model = tm.models.embedder(train.element_shape, 64)
        arguments = {"margin": options.margin} | MININGS[name]
        model.compile(
            keras.optimizers.Adam(options.learning_rate),
            loss=tm.TripletLoss(**arguments),
            metrics=[tm.metrics.MeanNegativeDistance(), tm.metrics.BatchRecallAtOne()],
        )
        batches = tm.datasets.balanced_batches(
            train,
            classes_per_batch=32,
            examples_per_class=4,
            batches_per_epoch=options.report_every,
            seed=options.seed,
        )
        print(f"\n{name}\n{'step':>6}{'loss':>9}{'negatives':>11}{'in batch':>10}{'recall@1':>10}")
        for epoch in range(options.steps // options.report_every):
            logs = model.fit(batches, shuffle=False, verbose=0).history
            embeddings = tm.evaluation.embed(model, judged)
            found = tm.evaluation.retrieval(embeddings, judged.labels, ks=(1,))
            print(
                f"{(epoch + 1) * options.report_every:>6}{logs['loss'][0]:>9.4f}"
                f"{logs['mean_negative_distance'][0]:>11.4f}{logs['batch_recall_at_1'][0]:>10.4f}"
                f"{found.recall_at[1]:>10.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
