"""Kalends: APScheduler for Kubernetes."""
