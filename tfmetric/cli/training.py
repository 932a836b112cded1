"""From a recipe to batches and a compiled model."""

import keras

import tfmetric as tm
from tfmetric.cli.recipes import Recipe


def embedder_for(train, recipe: Recipe):
    """The embedder of a recipe, its augmentation and preprocessing included."""
    preprocessing = []
    if recipe.crop_to_ink:
        preprocessing.append(tm.layers.CropToInk(recipe.crop_to_ink))
        if recipe.augment:
            # Here and not in the pipeline: the cut would undo a shift and a zoom before it.
            preprocessing.append(
                tm.layers.RandomAffine(translation=0.07, rotation=12.0, zoom=0.15, shear=11.0)
            )
    return tm.models.embedder(
        train.element_shape,
        recipe.embedding_dim,
        filters=recipe.filters,
        preprocessing=preprocessing,
    )


def training_batches(train, recipe: Recipe, seed: int):
    """The P×K batches of a recipe."""
    return tm.datasets.balanced_batches(
        train.with_rotated_classes() if recipe.rotate_classes else train,
        classes_per_batch=recipe.classes_per_batch,
        examples_per_class=recipe.examples_per_class,
        batches_per_epoch=recipe.batches_per_epoch,
        augment=(tm.datasets.augmentation() if recipe.augment and not recipe.crop_to_ink else None),
        seed=seed,
    )


def compile_for(model, recipe: Recipe) -> None:
    """Compiles the model with the loss, the optimiser and the schedule of a recipe."""
    steps = recipe.epochs * recipe.batches_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=recipe.learning_rate,
        warmup_steps=max(1, steps // 10),
        decay_steps=max(1, steps - steps // 10),
        alpha=0.02,
    )
    loss = tm.losses.TripletLoss(recipe.margin, recipe.mining, recipe.distance)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss=loss)
