"""Evaluation: how good an embedding is, on classes it has never seen, against honest baselines."""

from tfmetric.evaluation.calibration import Calibration, calibrate
from tfmetric.evaluation.calibration_check import CalibrationTest
from tfmetric.evaluation.classification import knn, nearest_class_mean
from tfmetric.evaluation.classification_result import ClassificationResult
from tfmetric.evaluation.clustering import ClusteringResult, clustering
from tfmetric.evaluation.comparison import Evaluation, evaluate
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.few_shot import FewShotResult, few_shot
from tfmetric.evaluation.group_fairness import Differential, FairnessResult, fairness
from tfmetric.evaluation.groups import GroupRow, GroupTable, group_table
from tfmetric.evaluation.health import health
from tfmetric.evaluation.health_result import HealthResult
from tfmetric.evaluation.intervals import bootstrap_interval
from tfmetric.evaluation.one_shot import (
    OneShotResult,
    OneShotRun,
    one_shot,
    read_one_shot_runs,
)
from tfmetric.evaluation.operating_points import Curve, ThresholdFigures
from tfmetric.evaluation.retrieval import RetrievalResult, retrieval
from tfmetric.evaluation.verification_folds import FoldsResult, kfold_verification
from tfmetric.evaluation.verification_result import VerificationResult
from tfmetric.evaluation.verifying import verification, verification_from_distances

__all__ = [
    "Calibration",
    "CalibrationTest",
    "ClassificationResult",
    "ClusteringResult",
    "Curve",
    "Differential",
    "Evaluation",
    "FairnessResult",
    "FewShotResult",
    "FoldsResult",
    "GroupRow",
    "GroupTable",
    "HealthResult",
    "OneShotResult",
    "OneShotRun",
    "RetrievalResult",
    "ThresholdFigures",
    "VerificationResult",
    "bootstrap_interval",
    "calibrate",
    "clustering",
    "embed",
    "evaluate",
    "fairness",
    "few_shot",
    "group_table",
    "health",
    "kfold_verification",
    "knn",
    "nearest_class_mean",
    "one_shot",
    "read_one_shot_runs",
    "retrieval",
    "verification",
    "verification_from_distances",
]
