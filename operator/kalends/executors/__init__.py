"""Executors: threads and processes of this pod, Kubernetes Jobs, and local processes for jobTemplates."""
