"""CronJobs and ScheduledJobs of the same manifest side by side: created together, acted on alike, and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from devcluster.api import Api
from devcluster.waiting import eventually

Json = dict[str, Any]
TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
NAME = "beside"
MINUTES = 4
"""How many fire times are watched: those of minute 0 to 3."""
LAST_LOOK = 30.0
"""Seconds after the last of them."""
COLLECTIONS = {
    "CronJob": ("batch/v1", "cronjobs"),
    "ScheduledJob": ("kalends.dev/v1alpha1", "scheduledjobs"),
}


@dataclass(slots=True)
class Side:
    """One of the two resources of a scenario, in a separate namespace."""

    api: Api
    kind: str
    namespace: str
    jobs: dict[str, Json] = field(default_factory=dict)
    """Every Job that was ever seen, by UID, as it was seen last."""
    left: int = 0
    """How many Jobs there were at the end."""

    def path(self) -> str:
        """Return where its resource is."""
        version, plural = COLLECTIONS[self.kind]
        return f"/apis/{version}/namespaces/{self.namespace}/{plural}"

    def create(self, spec: Json) -> None:
        """Create the resource."""
        version, _ = COLLECTIONS[self.kind]
        meta = {"name": NAME, "namespace": self.namespace}
        self.api.create(self.path(), {"apiVersion": version, "kind": self.kind, "metadata": meta, "spec": spec})

    def edit(self, spec: Json) -> None:
        """Merge a patch into the spec of the resource."""
        status, answer = self.api.patch(f"{self.path()}/{NAME}", {"spec": spec})
        assert status == 200, answer

    def minutes(self, first: float) -> list[int]:
        """Return the fire times that got a Job, in minutes since the first that was possible, ascending."""
        return sorted(int((fire_time(job) - first) // 60) for job in self.jobs.values())

    def timestamps(self) -> set[str]:
        """Return the annotations that say for which fire time each Job was created."""
        return {job["metadata"]["annotations"][TIMESTAMP] for job in self.jobs.values()}


def fire_time(job: Json) -> float:
    """Return the fire time of a Job, in seconds since 1970."""
    return datetime.fromisoformat(job["metadata"]["annotations"][TIMESTAMP]).timestamp()


Act = Callable[[Side], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What both resources say, what happens to them, and which Jobs come of it."""

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Beyond ``schedule: "* * * * *"`` and the Job template."""
    cron_job: Sequence[int] = (0, 1, 2, 3)
    """The minutes whose fire time gets a Job of the CronJob."""
    scheduled_job: Sequence[int] | None = None
    """The same of the ScheduledJob, where it differs: ``row`` says why."""
    row: str = ""
    """The subject of the row in the README's table of differences."""
    left: int | None = None
    """How many Jobs there are at the end, where that is the point."""
    blocked: bool = False
    """Whether the first pod does not end before it is let."""
    quota: int | None = None
    """How many Jobs the namespace may have."""
    acts: Sequence[tuple[float, Act]] = ()
    """What is done, and how many seconds after minute 0."""

    def manifest(self) -> Json:
        """Return the spec of both resources."""
        return {"schedule": "* * * * *", "jobTemplate": template(blocked=self.blocked), **self.spec}


def template(*, blocked: bool = False) -> Json:
    """Return a Job template whose pods the stand-in node completes, unless they are blocked."""
    meta: Json = {"labels": {"app.kubernetes.io/managed-by": "kalends"}}
    if blocked:
        meta["annotations"] = {"standin/never": "true"}
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]}
    return {"spec": {"backoffLimit": 0, "template": {"metadata": meta, "spec": pod}}}


def unblock_later_runs(side: Side) -> None:
    """Let the pods of runs to come end."""
    side.edit({"jobTemplate": {"spec": {"template": {"metadata": {"annotations": None}}}}})


def release(side: Side) -> None:
    """Let the pods that are blocked end."""
    for pod in side.api.items(f"/api/v1/namespaces/{side.namespace}/pods"):
        path = f"/api/v1/namespaces/{side.namespace}/pods/{pod['metadata']['name']}"
        side.api.patch(path, {"metadata": {"annotations": {"standin/never": None}}})


def relabel_jobs(side: Side) -> None:
    """Do what a GitOps tool does that takes objects for its own."""
    for job in side.api.items(f"/apis/batch/v1/namespaces/{side.namespace}/jobs"):
        path = f"/apis/batch/v1/namespaces/{side.namespace}/jobs/{job['metadata']['name']}"
        side.api.patch(path, {"metadata": {"labels": {"app.kubernetes.io/managed-by": "flux"}}})


def edited(**spec: Any) -> Act:
    """Return the act that merges a patch into the spec."""
    return lambda side: side.edit(spec)


class Stage:
    """Plays scenarios, all at once."""

    def __init__(self, api: Api, scenarios: Sequence[Scenario], token: str) -> None:
        self._api = api
        self.first = 0.0
        """Minute 0, in seconds since 1970."""
        self.sides = {
            one.name: tuple(Side(api, kind, f"{one.name}-{kind.lower()}-{token}") for kind in COLLECTIONS)
            for one in scenarios
        }
        self._scenarios = scenarios

    def namespaces(self, kind: str) -> tuple[str, ...]:
        """Return the namespaces of one kind of resource."""
        return tuple(side.namespace for pair in self.sides.values() for side in pair if side.kind == kind)

    def build(self) -> None:
        """Create the namespaces and their quotas, and wait until pods can be created in them."""
        for scenario in self._scenarios:
            for side in self.sides[scenario.name]:
                self._api.create("/api/v1/namespaces", {"metadata": {"name": side.namespace}})
                if scenario.quota is not None:
                    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/jobs.batch": str(scenario.quota)}}}
                    self._api.create(f"/api/v1/namespaces/{side.namespace}/resourcequotas", quota)
        for pair in self.sides.values():
            for side in pair:
                account = f"/api/v1/namespaces/{side.namespace}/serviceaccounts/default"
                eventually(partial(self._exists, account))

    def _exists(self, path: str) -> bool:
        return self._api.request("GET", path)[0] == HTTPStatus.OK

    def play(self) -> None:
        """Create all resources at once, act on them, and watch their Jobs."""
        while time.time() % 60 > 35:  # all of them are to be there well before the first fire time
            time.sleep(0.5)
        for scenario in self._scenarios:
            for side in self.sides[scenario.name]:
                side.create(scenario.manifest())
        self.first = time.time() // 60 * 60 + 60
        to_do = sorted(
            ((at, scenario.name, act) for scenario in self._scenarios for at, act in scenario.acts),
            key=lambda one: one[0],
        )
        ends_at = self.first + 60 * (MINUTES - 1) + LAST_LOOK
        while time.time() < ends_at:
            while to_do and time.time() >= self.first + to_do[0][0]:
                _, name, act = to_do.pop(0)
                for side in self.sides[name]:
                    act(side)
            self._look()
            time.sleep(0.25)

    def _look(self) -> None:
        by_namespace = {side.namespace: side for pair in self.sides.values() for side in pair}
        for side in by_namespace.values():
            side.left = 0
        for job in self._api.items("/apis/batch/v1/jobs"):
            if (owner := by_namespace.get(job["metadata"]["namespace"])) is not None:
                owner.jobs[job["metadata"]["uid"]] = job
                owner.left += 1

    def clear(self) -> None:
        """Delete the namespaces, and do not wait for that."""
        for pair in self.sides.values():
            for side in pair:
                self._api.delete(f"/api/v1/namespaces/{side.namespace}")
