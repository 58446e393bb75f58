"""Texts: reading durations and instants, quoting what users wrote, and words for messages."""
