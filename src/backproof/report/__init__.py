"""Reporters: each takes a `Report` and a stream."""
