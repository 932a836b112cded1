"""Trains from settings that a file can hold, for tuning, runs and the command line."""

from tfmetric._foreign_names import answering
from tfmetric.training.losses import loss_names, make_loss, register_loss, unregister_loss
from tfmetric.training.preparing import Training, prepare
from tfmetric.training.recipes import recipe_of
from tfmetric.training.settings import Settings

__all__ = [
    "Settings",
    "Training",
    "loss_names",
    "make_loss",
    "prepare",
    "recipe_of",
    "register_loss",
    "unregister_loss",
]

__getattr__ = answering(__name__)
