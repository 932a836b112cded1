import pytest
from support.trainings import QUICK, run_eagerly, vectors

import tfmetric as tm


@pytest.fixture(scope="session")
def parts():
    return vectors()


@pytest.fixture
def eagerly(monkeypatch):
    run_eagerly(monkeypatch)


@pytest.fixture(scope="session")
def finished(parts, tmp_path_factory):
    """A run on Python objects, to be read and not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        return tm.runs.train(
            parts, QUICK, tmp_path_factory.mktemp("runs") / "1", name="people", progress=False
        )
