"""Bytes to objects: the transport, its answers, and reading within bounds."""
