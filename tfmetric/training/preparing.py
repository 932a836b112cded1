"""Makes a compiled model and its batches from settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import keras

from tfmetric._errors import expected
from tfmetric.datasets import LabeledData, balanced_batches
from tfmetric.elements import Element
from tfmetric.layers import CropToInk, ProxyHead, RandomAffine
from tfmetric.models import adapt, with_proxies
from tfmetric.models import embedder as default_embedder
from tfmetric.training.kinds import augmentation_of
from tfmetric.training.losses import make_loss, takes_proxies

if TYPE_CHECKING:
    from tfmetric.training.settings import Settings

# SoftTriple needs several centres; the other losses compare with one.
_CENTERS = {"SoftTripleLoss": 2}


class Training(NamedTuple):
    """A training that is ready for ``fit``.

    Attributes:
        model: What to fit, compiled: the embedder, or the embedder with class proxies.
        embedder: The embedder, to judge and to export.
        batches: The training batches, a ``tf.data.Dataset``.
        settings: The settings, as they fit the data.
        distance: The distance of the loss, to evaluate the embeddings by.
    """

    model: keras.Model
    embedder: keras.Model
    batches: Any
    settings: Settings
    distance: Any


def prepare(
    train: LabeledData,
    settings: Settings,
    seed: int = 0,
    build_embedder: Callable[[int], keras.Model] | None = None,
) -> Training:
    """Makes the model and the batches of one training.

    Use it to train from settings in a file or a search; in your own script, the calls inside it are
    as short.

    Args:
        train: The training part of the data.
        settings: The settings. Batches are smaller if the data has fewer classes or examples.
        seed: Seed of the batches. Call ``keras.utils.set_random_seed`` before this for the weights.
        build_embedder: Function of the length of an embedding that returns your own embedder, built
            and not compiled; by default :func:`tfmetric.models.embedder` with the settings.

    Returns:
        A :class:`Training`.

    Raises:
        ValueError: If a setting does not fit the data, or ``build_embedder`` does not return an
            embedder.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(24, 3)), np.arange(24) % 6
    >>> settings = tm.training.Settings("ArcFaceLoss", epochs=1, batches_per_epoch=2)
    >>> training = prepare(tm.datasets.from_arrays(x, labels), settings)
    >>> history = training.model.fit(training.batches, shuffle=False, verbose=0)
    >>> training.embedder.output_shape
    (None, 64)
    """
    settings = settings.fitted(train)
    data = train.with_rotated_classes() if settings.rotate_classes else train
    model = make_model(settings, data.element, data.num_classes, build_embedder)
    embedder = model.embedder if takes_proxies(settings.loss) else model
    if build_embedder is None:
        adapt(
            embedder, train
        )  # Learns word weights of texts; towers of other kinds have nothing to adapt.
    distance = getattr(model.loss, "distance", "euclidean")
    return Training(model, embedder, make_batches(train, settings, seed), settings, distance)


def make_batches(train: LabeledData, settings: Settings, seed: int = 0) -> Any:
    """Returns the P×K batches of :func:`prepare`, a ``tf.data.Dataset``."""
    data = train.with_rotated_classes() if settings.rotate_classes else train
    in_pipeline = settings.augment and not settings.crop_to_ink
    return balanced_batches(
        data.with_contiguous_labels(),  # Class proxies are numbered from 0.
        classes_per_batch=settings.classes_per_batch,
        examples_per_class=settings.examples_per_class,
        batches_per_epoch=settings.batches_per_epoch,
        augment=augmentation_of(data.element) if in_pipeline else None,
        seed=seed,
    )


def make_model(
    settings: Settings,
    element: Element | tuple[int, ...] | None = None,
    num_classes: int | None = None,
    build_embedder: Callable[[int], keras.Model] | None = None,
) -> keras.Model:
    """Compiled model of :func:`prepare`: the embedder, or the embedder with class proxies.

    Args:
        settings: The settings.
        element: The element of the data, or its shape; unused with ``build_embedder``.
        num_classes: Classes to train on; unused if the loss has no class proxies.
        build_embedder: As in :func:`prepare`.
    """
    model = embedder = _embedder(element, settings, build_embedder)
    if takes_proxies(settings.loss):
        centers = _CENTERS.get(settings.loss, 1)
        # Short proxies turn as fast as with ten times the learning rate.
        head = ProxyHead(num_classes, centers_per_class=centers, initial_norm=0.1)
        model = with_proxies(embedder, head)
    loss = make_loss(settings.loss, settings.loss_arguments)
    model.compile(_optimizer(settings), loss=loss)
    return model


def _embedder(element, settings, build):
    if build is not None:
        made = build(settings.embedding_dim)
        if not isinstance(made, keras.Model) or not made.built:
            raise ValueError(
                expected(
                    "build_embedder to return a built keras.Model from inputs to embeddings",
                    returned=made,
                )
            )
        return made
    preprocessing = []
    if settings.crop_to_ink:
        preprocessing.append(CropToInk(settings.crop_to_ink))
        if settings.augment:
            # Augments in the model, because cutting would undo a shift and a zoom in the pipeline.
            preprocessing.append(
                RandomAffine(translation=0.07, rotation=12.0, zoom=0.15, shear=11.0)
            )
    return default_embedder(
        element,
        settings.embedding_dim,
        backbone=settings.backbone,
        weights=settings.weights,
        filters=settings.filters,
        dropout=settings.dropout,
        preprocessing=preprocessing,
    )


def _optimizer(settings):
    steps = settings.epochs * settings.batches_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=max(1, steps // 10),
        decay_steps=max(1, steps - steps // 10),
        alpha=0.02,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
