import json

import numpy as np
import pytest
from support.exported import identity

from tfmetric import evaluation, export


def calibration(distance="euclidean", probability="isotonic"):
    found = np.array([0.1, 0.2, 0.4, 0.9, 1.0, 1.1])
    return evaluation.calibrate(
        found, [1, 1, 1, 0, 0, 0], probability=probability, distance=distance
    )


GALLERY = np.array([[0, 0, 0], [0.5, 0, 0], [3, 0, 0]], "float32")


def test_a_calibration_goes_with_the_version_and_decides_in_search(tmp_path):
    made = calibration()
    path = export.save(identity(), tmp_path, gallery=GALLERY, calibration=made)
    servable = export.load(tmp_path)
    assert servable.calibration == made
    assert servable.metadata["threshold"] == made.threshold == 0.65
    written = json.loads((path / "assets.extra" / "calibration.json").read_text())
    assert written == made.to_dict()
    found = servable.search(GALLERY[:2], k=3)
    np.testing.assert_array_equal(found.same, found.distances <= 0.65)
    assert found.same.tolist() == [[True, True, False], [True, True, False]]
    np.testing.assert_array_equal(found.probabilities, made.probability(found.distances))
    ids, distances = found
    assert ids.shape == distances.shape == (2, 3)


def test_without_calibration_or_probabilities_there_are_none(tmp_path):
    path = export.save(identity(), tmp_path, gallery=GALLERY)
    assert not (path / "assets.extra" / "calibration.json").exists()
    servable = export.load(tmp_path)
    assert servable.calibration is None
    assert servable.metadata["threshold"] is None
    found = servable.search(GALLERY, k=1)
    assert found.same is None
    assert found.probabilities is None
    export.save(identity(), tmp_path, gallery=GALLERY, calibration=calibration(probability=None))
    found = export.load(tmp_path).search(GALLERY, k=1)
    assert found.same.all()
    assert found.probabilities is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (calibration("cosine"), "a calibration of euclidean distance"),
        (0.5, "calibration to be a Calibration"),
        ("calibration.json", "Calibration.load reads one"),
    ],
)
def test_a_calibration_that_does_not_fit_writes_nothing(wrong, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.save(identity(), tmp_path / "new", calibration=wrong)
    assert not (tmp_path / "new").exists()


def test_a_spoiled_calibration_is_named(tmp_path):
    path = export.save(identity(), tmp_path, calibration=calibration("given"))
    (path / "assets.extra" / "calibration.json").write_text("{")
    with pytest.raises(ValueError, match=r"calibration\.json"):
        export.load(tmp_path)
