"""Registered Python callables: the only code that a ScheduledJob can have run in the operator's own pod."""

from kalends.tasks.context import CurrentRun, current_run
from kalends.tasks.registry import Registry, Task, task

__all__ = ["CurrentRun", "Registry", "Task", "current_run", "task"]
