"""Search: embeddings under ids, exact and approximate, behind one small interface."""

from tfmetric._answers import Neighbors
from tfmetric._foreign_names import answering
from tfmetric.search.backends import Saved, register
from tfmetric.search.base import Index
from tfmetric.search.evaluating import SearchResult, evaluate
from tfmetric.search.exact import ExactIndex
from tfmetric.search.faiss_index import FaissIndex
from tfmetric.search.loading import load
from tfmetric.search.qdrant_index import QdrantIndex

__all__ = [
    "ExactIndex",
    "FaissIndex",
    "Index",
    "Neighbors",
    "QdrantIndex",
    "Saved",
    "SearchResult",
    "evaluate",
    "load",
    "register",
]

__getattr__ = answering(__name__)
