"""What all tests run with, those in processes of their own too."""

import os

import pytest

# Compiling is most of what JAX does here.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# Programs that tests start in processes of their own: importing them would start them.
collect_ignore = ["support/one_of_several_hosts.py"]

# The files that take longest begin first, so that none is left to one worker at the end. xdist
# gives a worker the tests of a file together, in the order of the files.
_LONGEST = (
    "test_pages.py",
    "test_readme.py",
    "test_triplet.py",
    "test_quickstart.py",
    "test_every_loss.py",
    "test_towers.py",
    "test_beyond_one_batch.py",
    "test_two_sided_losses.py",
    "test_streaming.py",
    "test_runs.py",
    "test_one_training.py",
    "test_jax_backend.py",
    "test_every_loss_on_jax.py",
    "test_train.py",
    "test_tune_command.py",
    "test_export_command.py",
    "test_examples.py",
    "test_models.py",
)


def pytest_collection_modifyitems(items):
    """Orders the files: the longest first, the others as they were."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True, scope="module")
def _the_same_weights_in_every_run():
    """Seeds each file, so that its tests do not depend on the files before it."""
    import keras

    keras.utils.set_random_seed(0)
