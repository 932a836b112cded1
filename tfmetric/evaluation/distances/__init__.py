"""Distances between embeddings, exact for orders and for thresholds; the smallest of each row."""
