"""Executors of a ``ManualScheduler``: a run is a call in the thread that advances the clock."""

from __future__ import annotations

from typing_extensions import override

from kalends.executors.debug import DebugExecutor

MANY = 1_000_000


class InlineExecutor(DebugExecutor):
    """Calls a job when it is due. The engine, whose clock a test sets, judges whether a fire time is missed."""

    @property
    @override
    def slots(self) -> int:
        return MANY
