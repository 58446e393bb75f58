"""Why a chosen fire time may get no run: a list of pure checks, in order; the first refusal wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kalends.engine.state import Instant
from kalends.model import ConcurrencyPolicy
from kalends.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a policy may look at."""

    fire_time: Instant
    due: Instant
    """The fire time and its jitter."""
    now: float
    grace_time: int | None
    concurrency: ConcurrencyPolicy
    max_instances: int
    running: int
    """Runs of this resource that are under way, those decided in the same breath included."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a due fire time gets no run."""

    reason: Reason
    message: str


Policy = Callable[[Situation], Refusal | None]


def not_missed(it: Situation) -> Refusal | None:
    """Refuse what is later than its grace time. Exactly at the deadline is still in time, as in APScheduler."""
    lateness = it.now - it.due
    if it.grace_time is None or lateness <= it.grace_time:
        return None
    return Refusal(
        Reason.DEADLINE_EXCEEDED,
        f"{lateness:.1f} s late; `startingDeadlineSeconds` allows {it.grace_time} s",
    )


def not_crowded(it: Situation) -> Refusal | None:
    """Refuse a run that would be one too many, unless the resource allows any number."""
    if it.concurrency is ConcurrencyPolicy.ALLOW or it.running < it.max_instances:
        return None
    runs = "run is" if it.running == 1 else "runs are"
    return Refusal(
        Reason.TOO_MANY_INSTANCES,
        f"{it.running} {runs} still active; `maxInstances` is {it.max_instances} and `concurrencyPolicy` is "
        f"'{it.concurrency}'",
    )


DISPATCH_POLICIES: Sequence[Policy] = (not_missed, not_crowded)


def first_refusal(situation: Situation, policies: Sequence[Policy] = DISPATCH_POLICIES) -> Refusal | None:
    """Return the first refusal, or None where every policy lets the run start."""
    for policy in policies:
        refusal = policy(situation)
        if refusal is not None:
            return refusal
    return None
