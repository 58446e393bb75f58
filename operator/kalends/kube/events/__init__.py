"""Kubernetes Events (``events.k8s.io/v1``)."""
