"""For tests of programs that use Kalends: a clock that a test sets, a scheduler on that clock, and calls of tasks.

``kalends.testing.strategies`` needs Hypothesis, and ``kalends.testing.contracts`` pytest: ``pip install
'kalends[testing]'``. This module needs neither.
"""

from __future__ import annotations

from kalends.testing.clock import ManualClock
from kalends.testing.scheduler import ManualScheduler
from kalends.testing.tasks import TaskRun, run

__all__ = ["ManualClock", "ManualScheduler", "TaskRun", "run"]
