"""Retrieval: ranks the examples of a query's class and computes figures of the ranks."""
