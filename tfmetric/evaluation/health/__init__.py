"""Health of an embedding: collapse, hubs, and how evenly it fills its space."""
