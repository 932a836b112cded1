"""Verification: same or different, from a distance and a threshold."""
