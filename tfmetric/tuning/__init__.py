"""Searching the margin and what goes with it, on classes that training does not see."""

from tfmetric.tuning.records import RunRecord
from tfmetric.tuning.runs import run_once, run_seed

__all__ = ["RunRecord", "run_once", "run_seed"]
