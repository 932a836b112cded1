"""Evaluation: how good an embedding is, on classes it has never seen, against honest baselines."""

from tfmetric.evaluation.comparison import Evaluation, evaluate
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.groups import GroupRow, GroupTable, group_table
from tfmetric.evaluation.intervals import bootstrap_interval
from tfmetric.evaluation.one_shot import (
    OneShotResult,
    OneShotRun,
    one_shot,
    read_one_shot_runs,
)
from tfmetric.evaluation.retrieval import RetrievalResult, retrieval

__all__ = [
    "Evaluation",
    "GroupRow",
    "GroupTable",
    "OneShotResult",
    "OneShotRun",
    "RetrievalResult",
    "bootstrap_interval",
    "embed",
    "evaluate",
    "group_table",
    "one_shot",
    "read_one_shot_runs",
    "retrieval",
]
