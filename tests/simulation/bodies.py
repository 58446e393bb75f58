"""What really ran: every body of a task, and every container of a pod, that was ever entered. The ground truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from simulation.loop import Process


class Kind(StrEnum):
    """Where a body runs."""

    THREAD = "thread"
    PROCESS = "process"
    POD = "pod"


class End(StrEnum):
    """How a body ended."""

    RETURNED = "returned"
    RAISED = "raised"
    KILLED = "killed"
    """Its worker process, or its pod, was killed."""
    CUT = "cut"
    """The operator in which it ran died."""


@dataclass(slots=True, eq=False)
class Body:
    """One body. ``life`` and ``version`` came to it through the spec that it ran."""

    life: int
    version: int
    name: str
    fire_time: int
    attempt: int
    kind: Kind
    process: Process | None
    """The operator in which it runs; None for a pod."""
    job_uid: str
    entered: float
    given_up: bool = False
    """A thread whose run has been given up, and which goes on all the same."""
    left: float | None = None
    end: End | None = None


@dataclass(slots=True)
class Bodies:
    """All bodies, in the order in which they were entered."""

    time: Callable[[], float]
    on_enter: Callable[[Body], None] = lambda _: None
    on_leave: Callable[[Body], None] = lambda _: None
    entered: list[Body] = field(default_factory=list)

    def enter(self, body: Body) -> None:
        self.entered.append(body)
        self.on_enter(body)

    def leave(self, body: Body, end: End) -> None:
        """Take note of an end; only the first counts."""
        if body.end is None:
            body.left, body.end = self.time(), end
            self.on_leave(body)

    def cut(self, process: Process) -> list[Body]:
        """End all bodies of a process that died."""
        cut = [body for body in self.entered if body.process is process and body.end is None]
        for body in cut:
            self.leave(body, End.CUT)
        return cut

    def running(self, life: int) -> list[Body]:
        return [body for body in self.entered if body.life == life and body.end is None]

    def of_run(self, life: int, name: str) -> list[Body]:
        return [body for body in self.entered if body.life == life and body.name == name]
