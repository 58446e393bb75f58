"""Checks an object against the schema and the rules, and describes each problem with its path."""
