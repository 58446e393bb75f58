"""Kalends: APScheduler for Kubernetes."""

from kalends.tasks import CurrentRun, current_run, task

__all__ = ["CurrentRun", "current_run", "task"]
