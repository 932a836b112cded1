"""Verification from explicit pairs: a Siamese model on (a, b, same), as in signature checking.

python examples/siamese_pairs.py --epochs 5
"""

import argparse

import keras

import tfmetric as tm


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits", help="anything tm.datasets.load takes")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    train, test = tm.datasets.load(options.dataset)
    embedder = tm.models.embedder(train.element_shape, embedding_dim=32, filters=8)
    siamese = tm.models.siamese(embedder, distance="euclidean")
    siamese.compile(keras.optimizers.Adam(2e-3), loss=tm.losses.SiameseContrastiveLoss(margin=1.0))
    judge = tm.callbacks.RetrievalEvaluation(test, ks=(1,), embedder=embedder)
    siamese.fit(
        tm.datasets.pairs(train, batch_size=128),
        shuffle=False,  # They come shuffled.
        epochs=options.epochs,
        callbacks=[judge],
    )
    (a, b), same = next(iter(tm.datasets.pairs(test, batch_size=10)))
    for distance, similar in zip(siamese.predict((a, b), verbose=0), same.numpy(), strict=True):
        print(f"distance {distance:.3f}: {'the same' if similar else 'another'} class")


if __name__ == "__main__":
    main()
