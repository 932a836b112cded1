"""The parts of a relation: checked links, splits, batches, negatives and the report."""
