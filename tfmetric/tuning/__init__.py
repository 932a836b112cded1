"""Searching the margin and what goes with it, on classes that training does not see."""

from tfmetric.tuning.benchmark_result import BenchmarkResult, read_benchmark
from tfmetric.tuning.defaults import default_space
from tfmetric.tuning.final import Judgement
from tfmetric.tuning.folds import class_folds
from tfmetric.tuning.pictures import write_pictures
from tfmetric.tuning.protocol import benchmark
from tfmetric.tuning.ranges import Range
from tfmetric.tuning.records import RunRecord
from tfmetric.tuning.result import TuningResult, read
from tfmetric.tuning.runs import run_once, run_seed
from tfmetric.tuning.search import margin_search
from tfmetric.tuning.spaces import SearchSpace
from tfmetric.tuning.trials import Trial

__all__ = [
    "BenchmarkResult",
    "Judgement",
    "MetricHyperModel",
    "Range",
    "RunRecord",
    "SearchSpace",
    "Trial",
    "TuningResult",
    "benchmark",
    "class_folds",
    "default_space",
    "margin_search",
    "read",
    "read_benchmark",
    "run_once",
    "run_seed",
    "write_pictures",
]


def __getattr__(name):
    # A subclass of Keras Tuner's, which takes a second to import and is seldom needed.
    if name == "MetricHyperModel":
        from tfmetric.tuning.hypermodel import MetricHyperModel

        return MetricHyperModel
    raise AttributeError(f"module 'tfmetric.tuning' has no attribute {name!r}")
