"""Ranking of a catalogue for each query, with relevance given as links."""
