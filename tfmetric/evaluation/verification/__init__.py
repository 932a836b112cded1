"""Verification: decides "same or different" from a distance and a threshold."""
