"""Retrieval: the ranks of the examples of a query's class, and figures of these ranks."""
