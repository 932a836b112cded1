"""A small servable index: which character is this? Made of one typeface, asked with others.

python examples/character_index.py --directory saved_models/characters
"""

import argparse

import keras
import numpy as np

import tfmetric as tm


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", default="saved_models/characters")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    train, test = tm.datasets.load("glyphs")
    model = tm.models.embedder(train.element_shape, embedding_dim=32, filters=8)
    model.compile(keras.optimizers.Adam(3e-3), loss=tm.TripletLoss(margin=0.2))
    batches = tm.datasets.balanced_batches(train, 48, 4, batches_per_epoch=100)
    model.fit(batches, shuffle=False, epochs=options.epochs)

    # One picture of each character that training has not seen; the other typefaces ask.
    gallery = test.subset(test.groups == "DejaVuSans")
    queries = test.subset(test.groups == "DejaVuSerif-Italic")
    found = tm.evaluation.retrieval(
        tm.evaluation.embed(model, queries),
        queries.labels,
        tm.evaluation.embed(model, gallery),
        gallery.labels,
    )
    print(found.summary())
    names = np.array([gallery.class_names[label] for label in gallery.labels])
    print(tm.export.save(model, options.directory, gallery=gallery, ids=names))


if __name__ == "__main__":
    main()
