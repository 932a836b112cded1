"""Words have more room on the page than pictures, and recordings are played by a button."""

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.report.gathering import gather_evidence
from tfmetric.report.pictures import list_class

LABELS = np.arange(8) % 4
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (tm.datasets.from_arrays([f"text {i}" for i in range(8)], LABELS), "neighbours roomy"),
        (
            tm.datasets.from_arrays(
                RNG.normal(size=(8, 800)) / 9, LABELS, kind="audio", sampling_rate=8000
            ),
            "neighbours",
        ),
        (tm.datasets.from_arrays(RNG.normal(size=(8, 3)), LABELS), "neighbours"),
    ],
)
def test_the_class_of_a_list_goes_by_the_look(data, wanted):
    embeddings = RNG.normal(size=(8, 2)).astype("float32")
    assert list_class(gather_evidence(None, data, embeddings=embeddings)) == wanted


def test_a_recording_has_a_button_that_names_it():
    from tfmetric.report.pictures import example_shown

    x = RNG.normal(size=(8, 800)) / 9
    data = tm.datasets.from_arrays(x, LABELS, kind="audio", sampling_rate=8000)
    embeddings = RNG.normal(size=(8, 2)).astype("float32")
    shown = example_shown(gather_evidence(None, data, embeddings=embeddings), 0, "one <b>")
    assert '<button type="button" class="play" aria-label="Play one &lt;b&gt;">Play' in shown
    assert 'src="data:audio/wav;base64,' in shown
