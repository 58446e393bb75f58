"""Why a chosen fire time may get no run: a list of pure checks, in order; the first refusal wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kalends.engine.core.state import Instant
from kalends.model.reasons import Reason
from kalends.model.values import ConcurrencyPolicy


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a policy may look at."""

    due: Instant
    """The fire time and its jitter."""
    now: float
    second: int
    """How many units of an instant a second has."""
    grace_time: int | None
    concurrency: ConcurrencyPolicy
    max_instances: int
    running: int
    """Active runs of this resource, including those of the same decision."""
    waits_for_room: bool
    """Whether under ``FORBID`` a fire time waits for room within its grace time."""
    queued: int = 0
    """Runs of this resource that wait already."""
    max_queued: int = 1000
    waits_already: bool = False
    """Whether it is itself one of those that wait."""
    requested: bool = False
    """Whether it was requested, and is no fire time."""
    must_wait: bool = False
    """Whether there is no room for it, or no worker, or others wait before it."""
    refused_start: str = ""
    """The server's words, where starts were refused lately, for a reason that may pass."""
    obstacle: str = ""
    """Why no worker may ever be free again, in words."""
    started: int = 0
    max_runs: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a due fire time gets no run."""

    reason: str
    message: str


Policy = Callable[[Situation], Refusal | None]


def not_missed(it: Situation) -> Refusal | None:
    """Refuse what is later than its grace time. Exactly at the deadline is still in time, as in APScheduler."""
    lateness = it.now - it.due
    if it.grace_time is None or lateness <= it.grace_time:
        return None
    reason = Reason.WAITED_TOO_LONG if it.waits_already else Reason.DEADLINE_EXCEEDED
    return Refusal(reason, how_late(lateness, it.grace_time, it.second, refusal=it.refused_start, obstacle=it.obstacle))


LONGEST_CAUSE = 800
"""Characters of a server's message that fit into the message of a misfire."""


def how_late(
    lateness: float, grace_time: int | None, second: int, *, when: str = "", refusal: str = "", obstacle: str = ""
) -> str:
    """Say by how many seconds a fire time missed its deadline, and why, where its start was refused until then.

    Lateness and grace time are in units of an instant, of which a ``second`` has so many.
    """
    allowed = None if grace_time is None else grace_time // second
    cause = f"; its start was refused: {refusal[:LONGEST_CAUSE]}" if refusal else ""
    return (
        f"{lateness / second:.1f} s late{when}; `startingDeadlineSeconds` allows {allowed} s{cause}{because(obstacle)}"
    )


def because(obstacle: str) -> str:
    """Return what a message about a run that waits for a worker ends in."""
    return f"; {obstacle}" if obstacle else ""


def not_ended(it: Situation) -> Refusal | None:
    """Refuse what is due together with the last run of a schedule that has a number of them."""
    if it.max_runs is None or it.started < it.max_runs:
        return None
    return Refusal(Reason.RUN_LIMIT_REACHED, f"{it.started} runs have started; `maxRuns` is {it.max_runs}")


def not_crowded(it: Situation) -> Refusal | None:
    """Refuse a run that would be one too many where that is forbidden; one that waits for a worker counts, too.

    A fire time that has a deadline is not refused: it waits within that, as in CronJob (``queueing.newest_alone``).
    """
    if it.concurrency is not ConcurrencyPolicy.FORBID or it.waits_already:
        return None
    if it.waits_for_room and it.grace_time is not None and not it.requested:
        return None
    if it.running + it.queued < it.max_instances:
        return None
    runs = "run is" if it.running + it.queued == 1 else "runs are"
    state = "still active" if it.running else "still waiting for a worker"
    return Refusal(
        Reason.TOO_MANY_INSTANCES,
        f"{it.running + it.queued} {runs} {state}; `maxInstances` is {it.max_instances} and `concurrencyPolicy` is "
        f"'{it.concurrency}'{because('' if it.running else it.obstacle)}",
    )


def queue_not_full(it: Situation) -> Refusal | None:
    """Refuse a run that would have to wait behind too many others."""
    if it.waits_already or not it.must_wait or it.queued < it.max_queued:
        return None
    return Refusal(
        Reason.QUEUE_FULL, f"{it.queued} runs are waiting; `maxQueued` is {it.max_queued}{because(it.obstacle)}"
    )


DISPATCH_POLICIES: Sequence[Policy] = (not_missed, not_ended, not_crowded, queue_not_full)


def first_refusal(situation: Situation, policies: Sequence[Policy] = DISPATCH_POLICIES) -> Refusal | None:
    """Return the first refusal, or None where every policy lets the run start."""
    for policy in policies:
        refusal = policy(situation)
        if refusal is not None:
            return refusal
    return None
