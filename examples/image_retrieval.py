"""Image retrieval: train with batch-hard triplets, judge on unseen classes, export, search.

python examples/image_retrieval.py --dataset glyphs --epochs 5
"""

import argparse

import keras

import tfmetric as tm


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="glyphs", help="anything tm.datasets.load takes")
    parser.add_argument("--image-size", type=int, help="side to resize images to")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--directory", default="saved_models/retrieval")
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    train, test = tm.datasets.load(options.dataset, image_size=options.image_size)
    print(train.report)

    model = tm.models.embedder(train.element_shape, embedding_dim=64)
    model.compile(
        keras.optimizers.Adam(2e-3),
        loss=tm.losses.TripletLoss(margin=0.2, mining="hard"),
        metrics=[tm.metrics.BatchRecallAtOne()],
    )
    batches = tm.datasets.balanced_batches(
        train,
        classes_per_batch=min(32, train.num_classes),
        examples_per_class=8,
        augment=tm.datasets.augmentation(rotation=5.0),
    )
    model.fit(
        batches,
        shuffle=False,  # They come shuffled.
        epochs=options.epochs,
        callbacks=[tm.callbacks.RetrievalEvaluation(test, ks=(1,), max_queries=1000)],
    )
    print(tm.evaluation.evaluate(model, test).summary())

    version = tm.export.save(model, options.directory, gallery=test)
    ids, distances = tm.export.load(options.directory).search(test.read([0]), k=5)
    print(f"{version}: nearest to {test.ids[0]} are {ids[0].tolist()} at {distances[0].round(3)}")


if __name__ == "__main__":
    main()
