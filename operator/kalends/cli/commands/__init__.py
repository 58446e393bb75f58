"""The other commands: validate, explain, next, and the operator's process."""
