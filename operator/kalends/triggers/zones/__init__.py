"""Time zones: which database is read, and the conversion between wall time and instants."""
