"""Reads the pods of a Job: how their containers have ended, or what they wait for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kalends.engine.core.state import Instant
from kalends.executors.results import clean
from kalends.model.instants import parse_instant

Json = Mapping[str, Any]

LONGEST_WAIT = 512
"""Bytes of what a pod says it waits for."""
_ORDINARY_WAITS = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class Termination:
    """How one container of a pod ended."""

    finished: Instant
    container: str
    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SeenPod:
    """What is remembered of a pod."""

    name: str
    created: Instant
    ended: tuple[Termination, ...] = ()
    begun: bool = False
    """Whether a container of it has ever run, those that prepare it included."""
    waits_for: str = ""


def see_pod(pod: Json) -> SeenPod:
    """Return what is to be remembered of a pod."""
    meta, status = pod["metadata"], pod.get("status") or {}
    begun = any(_has_begun(one) for one in _containers(status))
    return SeenPod(
        meta["name"],
        parse_instant(meta["creationTimestamp"]),
        terminations(pod),
        begun,
        "" if begun else _waits_for(status),
    )


def terminations(pod: Json) -> tuple[Termination, ...]:
    """Return how the containers of a pod have ended, those that were started again included."""
    ended = []
    for container in _containers(pod.get("status") or {}):
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            reported = state.get("terminated")
            if reported:
                ended.append(
                    Termination(
                        parse_instant(reported["finishedAt"]) if reported.get("finishedAt") else 0,
                        container["name"],
                        reported.get("exitCode", 0),
                        reported.get("reason") or "",
                        reported.get("message") or "",
                    )
                )
                break
    return tuple(ended)


def newest_wait(pods: Iterable[SeenPod]) -> str:
    """Return what the newest pod that waits says it waits for."""
    waiting = [pod for pod in pods if pod.waits_for]
    return max(waiting, key=lambda pod: (pod.created, pod.name)).waits_for if waiting else ""


def _containers(status: Json) -> Iterator[Json]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _has_begun(container: Json) -> bool:
    states = (container.get("state") or {}, container.get("lastState") or {})
    return bool(container.get("restartCount")) or any("running" in one or "terminated" in one for one in states)


def _waits_for(status: Json) -> str:
    reported = [container.get("state", {}).get("waiting") for container in _containers(status)]
    waits = [wait for wait in reported if wait]
    informative = [wait for wait in waits if wait.get("reason") not in _ORDINARY_WAITS] or waits
    if informative:
        return _said(informative[0])
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _said(condition)
    return ""


def _said(reported: Json) -> str:
    reason, message = reported.get("reason") or "", reported.get("message") or ""
    return clean(f"{reason}: {message}" if reason and message else reason or message, LONGEST_WAIT)
