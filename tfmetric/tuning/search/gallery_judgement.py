"""Judges a training on new examples of the classes it was trained on."""

from __future__ import annotations

import math

import numpy as np

from tfmetric.datasets.labeled import LabeledData
from tfmetric.evaluation import Evaluation, embed, retrieval
from tfmetric.training import Training

# Comparing raw inputs past this many multiplications takes minutes: it is left out then.
_MOST_PRODUCTS = 2.5e11


def evaluate_in_gallery(
    training: Training, test: LabeledData, gallery: LabeledData, ks: tuple[int, ...], raw: bool
) -> Evaluation:
    """Looks for each test example among the gallery, by embeddings and by raw inputs.

    Args:
        training: The training.
        test: The queries.
        gallery: The examples to look among.
        ks: The k of the figures.
        raw: Whether the raw inputs are judged too.

    Returns:
        The figures, with those of the raw inputs where they are asked for and take seconds.
    """
    embeddings = embed(training.embedder, test)
    found = _found(embeddings, embed(training.embedder, gallery), test, gallery, training, ks)
    if not raw:
        return Evaluation(found, embeddings=embeddings)
    products = len(test) * len(gallery) * math.prod(test.element_shape)
    if products > _MOST_PRODUCTS:
        note = "no figure for raw inputs, which are too many to compare"
        return Evaluation(found, notes=(note,), embeddings=embeddings)
    flat = [np.asarray(data.read()).reshape(len(data), -1) for data in (test, gallery)]
    return Evaluation(found, _found(*flat, test, gallery, training, ks), embeddings=embeddings)


def _found(queries, among, test, gallery, training, ks):
    return retrieval(
        queries,
        test.labels,
        among,
        gallery.labels,
        distance=training.distance,
        ks=ks,
        progress=False,
    )
