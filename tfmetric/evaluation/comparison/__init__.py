"""A model's retrieval figures beside those of its baselines."""
