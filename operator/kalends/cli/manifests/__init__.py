"""Reads manifests from files as kubectl does."""
