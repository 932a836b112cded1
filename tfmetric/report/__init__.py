"""The report of a run: one self-contained HTML page."""

from tfmetric._foreign_names import answering
from tfmetric.report.evidence import Evidence
from tfmetric.report.evidence_file import keep_evidence, read_evidence
from tfmetric.report.writing import write

__all__ = ["Evidence", "keep_evidence", "read_evidence", "write"]

__getattr__ = answering(__name__)
