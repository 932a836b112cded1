import pytest
from support.runs import make_run

import tfmetric as tm


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "1")


@pytest.fixture(scope="session")
def report(run):
    return tm.report.write(run)
