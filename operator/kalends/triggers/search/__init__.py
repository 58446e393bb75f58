"""Bounded searches for rules that arithmetic alone cannot answer."""
