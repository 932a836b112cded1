"""Evaluation: how good an embedding is, on classes it has never seen, against honest baselines."""

from tfmetric.evaluation.comparison import Evaluation, evaluate
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.group_fairness import Differential, FairnessResult, fairness
from tfmetric.evaluation.groups import GroupRow, GroupTable, group_table
from tfmetric.evaluation.intervals import bootstrap_interval
from tfmetric.evaluation.one_shot import (
    OneShotResult,
    OneShotRun,
    one_shot,
    read_one_shot_runs,
)
from tfmetric.evaluation.operating_points import Curve, ThresholdFigures
from tfmetric.evaluation.retrieval import RetrievalResult, retrieval
from tfmetric.evaluation.verification_result import VerificationResult
from tfmetric.evaluation.verifying import verification, verification_from_distances

__all__ = [
    "Curve",
    "Differential",
    "Evaluation",
    "FairnessResult",
    "GroupRow",
    "GroupTable",
    "OneShotResult",
    "OneShotRun",
    "RetrievalResult",
    "ThresholdFigures",
    "VerificationResult",
    "bootstrap_interval",
    "embed",
    "evaluate",
    "fairness",
    "group_table",
    "one_shot",
    "read_one_shot_runs",
    "retrieval",
    "verification",
    "verification_from_distances",
]
