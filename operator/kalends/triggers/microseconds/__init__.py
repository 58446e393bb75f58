"""Triggers whose instants are microseconds since 1970: what the triggers of a program are compiled to."""
