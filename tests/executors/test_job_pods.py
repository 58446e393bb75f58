"""What pods tell: whether a container has ever run, and what they wait for if none has."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import START
from kalends.executors.jobs.pod_reports import SeenPod, newest_wait, see_pod
from kalends.executors.jobs.run_reports import trimmed
from kalends.model import format_instant


def pod(
    *states: Any,
    init: list[Any] | tuple[Any, ...] = (),
    conditions: list[Any] | tuple[Any, ...] = (),
    restarts: int = 0,
    created: int = START,
    name: str = "pod-a",
) -> dict[str, Any]:
    def statuses(all_states: list[Any] | tuple[Any, ...]) -> list[Any]:
        return [
            {"name": f"c{n}", "state": state, "lastState": {}, "restartCount": restarts}
            for n, state in enumerate(all_states)
        ]

    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": format_instant(created)},
        "status": {
            "containerStatuses": statuses(states),
            "initContainerStatuses": statuses(init),
            "conditions": list(conditions),
        },
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


RUNNING = {"running": {"startedAt": format_instant(START)}}
TERMINATED = {"terminated": {"exitCode": 0, "startedAt": format_instant(START)}}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes available"}


@pytest.mark.parametrize(
    "seen",
    [
        pod(RUNNING),
        pod(TERMINATED),
        pod(waiting("PodInitializing"), init=[RUNNING]),
        pod(waiting("CrashLoopBackOff"), restarts=2),
        pod(RUNNING, waiting("ImagePullBackOff")),
    ],
    ids=["running", "terminated", "preparing", "restarted", "one of two"],
)
def test_a_pod_has_begun_once_any_container_of_it_has_run(seen: dict[str, Any]) -> None:
    assert see_pod(trimmed(seen)).begun
    assert see_pod(trimmed(seen)).waits_for == ""


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (pod(waiting("ImagePullBackOff", "no such image")), "ImagePullBackOff: no such image"),
        (pod(waiting("ContainerCreating")), "ContainerCreating"),
        (
            pod(waiting("ContainerCreating"), waiting("CreateContainerConfigError", "x")),
            "CreateContainerConfigError: x",
        ),
        (pod(conditions=[UNSCHEDULABLE]), "Unschedulable: 0/3 nodes available"),
        (pod(waiting("ErrImagePull", "password=hunter2 \x1b[1mno")), "ErrImagePull: password=[redacted] no"),
        (pod(), ""),
        ({"metadata": pod()["metadata"]}, ""),
    ],
)
def test_a_pod_that_has_not_begun_says_what_it_waits_for(seen: dict[str, Any], said: str) -> None:
    assert see_pod(trimmed(seen)).waits_for == said
    assert not see_pod(trimmed(seen)).begun


def test_what_a_pod_says_is_cut() -> None:
    assert len(see_pod(pod(waiting("ErrImagePull", "x" * 9000))).waits_for.encode()) <= 512


def test_of_several_pods_the_newest_one_that_waits_speaks() -> None:
    pods = [SeenPod("a", 1, waits_for="old"), SeenPod("b", 2, waits_for="new"), SeenPod("c", 3)]
    assert newest_wait(pods) == "new"
    assert newest_wait([]) == ""
