"""What to do where a Job of the wanted name is there already: adopt it, wait until it is gone, or leave it alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.engine.ports import Run
from kalends.engine.runs.proofs_of_start import is_premature
from kalends.errors import ApiError, StartRefused, Unavailable
from kalends.executors.jobs.identity import controller_of, lost_its_controller, resource_of
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import JOBS, SCHEDULED_JOBS
from kalends.kube.wire.transport import JsonObject
from kalends.model.instants import format_instant, parse_instant
from kalends.model.reasons import Reason
from kalends.model.values import KIND

Json = Mapping[str, Any]

PATIENCE = 300.0
"""Seconds that a Job that is being deleted may keep its name: pods on a lost node take about as long. A garbage
collector that does not run, or a finalizer that is never removed, must not block a schedule for ever."""
REMEMBERED = 1000


def refuse_premature(run: Run, created: Instant) -> None:
    """Refuse a Job under a run's name that was there before the run was due.

    Raises:
        StartRefused: The operator cannot have created it.
    """
    if run.attempt == 1 and not run.request and is_premature(run.fire_time, created):
        raise StartRefused(
            Reason.NAME_TAKEN,
            f"a Job named {run.name} must not be created before {format_instant(run.fire_time)}, but the existing "
            f"Job was created at {format_instant(created)}",
        )


class NameConflicts:
    """Judges existing Jobs of a wanted name."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._met: OrderedDict[str, float] = OrderedDict()
        """When each Job on its way out was first met, by UID."""

    async def adopt(self, run: Run, *, asked: bool) -> JsonObject:
        """Return the Job that has the name of a run, if it is that run's.

        It is if this very resource is its controller, and it was not created before the run was due. It may be on its
        way out: its run has started, and is not to start again. Annotations may have been edited, and do not count.
        Where the operator died before the Job was recorded, the owner references may have been removed since. Such a
        Job is the run's if it has no controller, has the label, and is not older than the resource.

        Args:
            run: The run.
            asked: Whether this process has asked for the Job's creation, and got no answer.

        Raises:
            StartRefused: It belongs to another owner, was created too early, or has been on its way out for too long.
            Unavailable: It is on its way out, or cannot be read.
        """
        job = await self._get(JOBS.named(run.ref.namespace, run.name))
        if resource_of(job) == run.ref or (lost_its_controller(job, run.ref) and not await self._is_older(job, run)):
            if not asked:
                refuse_premature(run, parse_instant(job["metadata"]["creationTimestamp"]))
            return job
        owner = controller_of(job)
        if "deletionTimestamp" in job["metadata"]:
            raise self._await_end(job, run, "has another owner, and is being deleted")
        if owner is not None and await self._was_left_behind(owner, run):
            raise self._await_end(job, run, "belongs to a deleted ScheduledJob of the same name")
        raise StartRefused(
            Reason.NAME_TAKEN,
            f"a Job named {run.name} must belong to this ScheduledJob, but the existing Job does not",
        )

    async def _is_older(self, job: Json, run: Run) -> bool:
        """Return whether a Job is older than the resource: a former resource of that name was deleted without it."""
        resource = await self._get(SCHEDULED_JOBS.named(run.ref.namespace, run.ref.name))
        if resource["metadata"]["uid"] != run.ref.uid:
            raise Unavailable(f"{run.ref.key} was deleted and created again")
        created = resource["metadata"]["creationTimestamp"]
        return parse_instant(job["metadata"]["creationTimestamp"]) < parse_instant(created)

    async def _was_left_behind(self, owner: Json, run: Run) -> bool:
        """Return whether the owner is a former resource of the same name: the garbage collector is on its way."""
        group = owner["apiVersion"].partition("/")[0]
        if (group, owner["kind"], owner["name"]) != (SCHEDULED_JOBS.group, KIND, run.ref.name):
            return False
        # Of two resources of the same name, one is deleted. It may be the known resource, if the known state is old.
        current = await self._get(SCHEDULED_JOBS.named(run.ref.namespace, run.ref.name))
        if current["metadata"]["uid"] != run.ref.uid:
            raise Unavailable(f"{run.ref.key} is not the ScheduledJob that it was")
        return True

    async def _get(self, path: str) -> JsonObject:
        try:
            return await self._client.get(path, lane=Lane.CREATE)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise Unavailable("what was there a moment ago is gone") from error
            raise Unavailable(str(error)) from error

    def _await_end(self, job: Json, run: Run, why: str) -> StartRefused | Unavailable:
        """Return that the name may become free, or no more after it was waited for long enough."""
        now = self._clock.monotonic()
        since = self._met.setdefault(job["metadata"]["uid"], now)
        while len(self._met) > REMEMBERED:
            self._met.popitem(last=False)
        if now - since < PATIENCE:
            return Unavailable(f"the Job {run.name} that is there {why}, and is waited for")
        return StartRefused(
            Reason.NAME_TAKEN, f"the Job {run.name} that is there {why}, and was not gone after {PATIENCE:.0f} s"
        )
