"""Serving over a network: a development server, and a client for it and TensorFlow Serving."""

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._foreign_names import answering
from tfmetric.serving.client import Client, VersionStatus
from tfmetric.serving.errors import RequestError
from tfmetric.serving.server import Server

__all__ = [
    "Classified",
    "Client",
    "Neighbors",
    "RequestError",
    "Server",
    "Verified",
    "VersionStatus",
]

__getattr__ = answering(__name__)
