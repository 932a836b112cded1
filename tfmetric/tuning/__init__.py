"""The margin search and the benchmark of losses, judged on data that training does not see."""

from tfmetric._foreign_names import missing
from tfmetric.tuning.benchmark.benchmark_result import BenchmarkResult, read_benchmark
from tfmetric.tuning.benchmark.loss_benchmark import benchmark
from tfmetric.tuning.held_out_folds import validation_folds
from tfmetric.tuning.one_training import run_once, run_seed
from tfmetric.tuning.run_record import RunRecord
from tfmetric.tuning.search.default_ranges import default_space
from tfmetric.tuning.search.judgement import Judgement
from tfmetric.tuning.search.margin_search import margin_search
from tfmetric.tuning.search.ranges import Range
from tfmetric.tuning.search.search_options import Stopping, Validation
from tfmetric.tuning.search.search_pictures import write_pictures
from tfmetric.tuning.search.search_result import TuningResult, read
from tfmetric.tuning.search.search_space import SearchSpace
from tfmetric.tuning.search.trial import Trial

__all__ = [
    "BenchmarkResult",
    "Judgement",
    "MetricHyperModel",
    "Range",
    "RunRecord",
    "SearchSpace",
    "Stopping",
    "Trial",
    "TuningResult",
    "Validation",
    "benchmark",
    "default_space",
    "margin_search",
    "read",
    "read_benchmark",
    "run_once",
    "run_seed",
    "validation_folds",
    "write_pictures",
]


def __getattr__(name):
    # Its base class is Keras Tuner's, which takes a second to import and is seldom needed.
    if name == "MetricHyperModel":
        from tfmetric.tuning.search.hypermodel import MetricHyperModel

        return MetricHyperModel
    if name == "class_folds":
        raise AttributeError(
            "Expected tfmetric.tuning.validation_folds(train, 'classes'). Received: class_folds"
        )
    raise missing(__name__, name)
