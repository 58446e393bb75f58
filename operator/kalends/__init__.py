"""Kalends: APScheduler for Kubernetes."""

from importlib.metadata import version

from kalends.tasks import CurrentRun, current_run, task

__version__ = version("kalends")

__all__ = ["CurrentRun", "__version__", "current_run", "task"]
