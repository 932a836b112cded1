"""The trainings of the library as a hypermodel, for Keras Tuner's own classes."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner

from tfmetric._errors import expected
from tfmetric.callbacks import RetrievalEvaluation
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.models import adapt
from tfmetric.training import Settings
from tfmetric.training.losses import takes_proxies
from tfmetric.training.preparing import make_batches, make_model
from tfmetric.tuning.search.search_space import SearchSpace


class MetricHyperModel(keras_tuner.HyperModel):
    """An embedder and its loss as a hypermodel, with a search space.

    Use it with a tuner of Keras Tuner when :func:`tfmetric.tuning.margin_search` is not enough:
    the hypermodel builds and fits, and has no folds, no pruning and no retraining. Name a
    retrieval figure as the objective, never ``val_loss``: a margin rescales the loss.

    Args:
        build_embedder: From the length of an embedding to a built ``keras.Model``; None for
            :func:`tfmetric.models.embedder`, which needs ``train``.
        losses: Name of a loss, or several to choose from; None for the loss of the settings.
        search_space: As in :func:`tfmetric.tuning.margin_search`.
        settings: The values that are not searched; ``epochs`` is the length of the learning rate's
            schedule.
        train: The data to train on, a ``LabeledData`` or (x, labels). Give it where there is no
            ``build_embedder``, and for losses with class proxies, one for each class.
        seed: Seed of the batches.
        name: Name of the hypermodel.

    Attributes:
        space: The :class:`~tfmetric.tuning.SearchSpace`.

    Raises:
        ValueError: If a name or a value of the space is unknown, or ``train`` is missing.

    Example:

    >>> import keras_tuner as kt, numpy as np, tempfile, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(48, 3)), np.arange(48) % 12
    >>> data = tm.datasets.from_arrays(x, labels)
    >>> train, validation = data.subset(labels < 8), data.subset(labels >= 8)
    >>> settings = tm.training.Settings(epochs=1, batches_per_epoch=1)
    >>> tuner = kt.RandomSearch(
    ...     tm.tuning.MetricHyperModel(train=train, settings=settings),
    ...     objective=kt.Objective("val_map_at_r", "max"),
    ...     max_trials=1,
    ...     directory=tempfile.mkdtemp(),
    ... )
    >>> tuner.search(train, validation_data=validation, verbose=0)
    >>> sorted(tuner.get_best_hyperparameters()[0].values)
    ['learning_rate', 'margin']
    """

    def __init__(
        self,
        build_embedder: Any = None,
        losses: Any = None,
        search_space: Any = None,
        settings: Settings | None = None,
        train: Any = None,
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.train = None if train is None else as_labeled(train)
        self.build_embedder, self.seed = build_embedder, seed
        classes = None if self.train is None else self.train.num_classes
        self.space = SearchSpace(losses, search_space, settings, classes)
        proxies = [loss for loss in self.space.losses if takes_proxies(loss)]
        if train is None and (build_embedder is None or proxies):
            raise ValueError(
                expected(
                    "train, the training data: it says the shape of an example, which "
                    "build_embedder would make unnecessary, and how many classes have proxies",
                    train=train,
                    build_embedder=build_embedder,
                    losses_with_proxies=proxies,
                )
            )

    def settings_of(self, hp: Any) -> Settings:
        """Returns the settings that values of Keras Tuner stand for.

        Args:
            hp: A ``keras_tuner.HyperParameters``.
        """
        return self.space.settings_of(hp)

    def build(self, hp: Any) -> None:
        """Returns the compiled model of a setting, with class proxies if its loss has them.

        Args:
            hp: A ``keras_tuner.HyperParameters``.
        """
        settings, element, classes = self.settings_of(hp), None, None
        if self.train is not None:
            settings = settings.fitted(self.train)
            turns = 4 if settings.rotate_classes else 1
            element, classes = self.train.element, turns * self.train.num_classes
        model = make_model(settings, element, classes, self.build_embedder)
        if self.train is not None and self.build_embedder is None:
            adapt(getattr(model, "embedder", model), self.train)
        # Keras Tuner loads weights into the model, and into its optimizer.
        model.optimizer.build(model.trainable_variables)
        return model

    def fit(
        self,
        hp: Any,
        model: keras.Model,
        train: Any = None,
        *,
        validation_data: Any,
        callbacks: Any = (),
        **kwargs: Any,
    ) -> Any:
        """Fits on P×K batches; the figures are in the logs before other callbacks read them.

        Args:
            hp: The setting.
            model: The model of :meth:`build`.
            train: The training data; None for that of the hypermodel. If the loss has class
                proxies, both have as many classes.
            validation_data: Data with classes that are not trained on.
            callbacks: Further callbacks.
            **kwargs: Arguments of ``keras.Model.fit``; ``epochs`` defaults to the settings.

        Returns:
            The history.

        Raises:
            ValueError: If all validation classes are trained on.
        """
        train = as_labeled(train) if train is not None else self.train
        if train is None:
            raise ValueError(expected("train, here or in MetricHyperModel(train=...)", train=train))
        validation = as_labeled(validation_data)
        known = {train.class_names[label] for label in train.classes}
        if known.issuperset(validation.class_names[label] for label in validation.classes):
            raise ValueError(
                expected(
                    "validation_data of classes that are not trained on, see "
                    "datasets.split_classes",
                    validation_classes=validation.num_classes,
                )
            )
        settings = self.settings_of(hp).fitted(train)
        judge = RetrievalEvaluation(
            validation, distance=getattr(model.loss, "distance", "euclidean")
        )
        return model.fit(
            make_batches(train, settings, self.seed),
            shuffle=False,
            callbacks=[judge, *callbacks],
            **{"epochs": settings.epochs, **kwargs},
        )
