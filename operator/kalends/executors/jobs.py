"""Runs as Kubernetes Jobs. Their names are their identity: a Job that is created twice is created once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from kalends.clock import Clock
from kalends.engine.ports import JobView, Run, RunReport, StartRefused
from kalends.engine.schedule import JobTemplate
from kalends.engine.state import Ref
from kalends.errors import ApiError, Unavailable
from kalends.executors.job_body import job_body
from kalends.executors.job_reports import SeenJob, Termination, owner_uid, report_of, see_job, terminations
from kalends.kube.client import ApiClient
from kalends.kube.lanes import Lane
from kalends.model.reasons import Reason

Json = Mapping[str, Any]

REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers to a Job that will be the same whenever it is sent."""
PODS_GRACE = 1.0
"""Seconds that the pods of a Job that has ended get to tell how: they are seen over a watch of their own."""
TOMBSTONES = 10_000


class JobsExecutor:
    """Creates Jobs, and knows those that there are from what the informers show it."""

    outlives_us = True

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._jobs: dict[str, dict[str, SeenJob]] = {}
        self._refs: dict[str, Ref] = {}
        self._pods: dict[str, dict[str, tuple[Termination, ...]]] = {}
        self._ended_at: dict[str, float] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._changed: Callable[[str], None] = lambda _uid: None
        self.synced = False

    def bind(
        self, report: Callable[[RunReport], None], changed: Callable[[str], None], freed: Callable[[], None]
    ) -> None:
        """Tell it whom to tell of Jobs that changed."""
        del report, freed  # how a run ended is read from its Job, and there is always room for one more
        self._changed = changed

    def free_slots(self) -> int:
        """Return a great many: the cluster has its own ways to say no."""
        return 1_000_000

    async def check(self, run: Run) -> None:
        """Have the API server check a template, without creating anything.

        Raises:
            StartRefused: It would refuse every Job made from it.
            Unavailable: It cannot be asked now.
        """
        if not isinstance(run.target, JobTemplate):
            return
        try:
            await self._client.create(_path(run.ref), job_body(run, run.target), dry_run=True, lane=Lane.STATUS)
        except ApiError as error:
            if error.status in REFUSED:
                raise StartRefused(Reason.INVALID_JOB_TEMPLATE, f"spec.jobTemplate: {_told(error, run)}") from error
            if error.status in {0, HTTPStatus.TOO_MANY_REQUESTS} or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise Unavailable(str(error)) from error
            # Anything else (a quota that is used up, say) may be over when a run is due.

    async def start(self, run: Run) -> None:
        """Create the Job of a run, or adopt the one that is there if it is ours.

        Raises:
            StartRefused: The API server refuses the Job itself, or its name is somebody else's.
            Unavailable: It cannot be created now.
        """
        if not isinstance(run.target, JobTemplate):
            raise StartRefused(Reason.INVALID_SPEC, "a Job needs a `jobTemplate`")
        known = self._jobs.get(run.ref.uid, {}).get(run.name)
        if known is not None:
            return
        try:
            job: Json = await self._client.create(_path(run.ref), job_body(run, run.target), lane=Lane.CREATE)
        except ApiError as error:
            job = await self._after_refusal(run, error)
        self._refs[run.ref.uid] = run.ref
        self.job_changed("ADDED", job)

    async def _after_refusal(self, run: Run, error: ApiError) -> Json:
        if error.status in REFUSED:
            raise StartRefused(Reason.JOB_REFUSED, _told(error, run)) from error
        if error.status != HTTPStatus.CONFLICT:
            raise Unavailable(str(error)) from error
        try:
            job = await self._client.get(f"{_path(run.ref)}/{run.name}", lane=Lane.CREATE)
        except ApiError as again:
            raise Unavailable(str(again)) from again
        if owner_uid(job) != run.ref.uid:
            raise StartRefused(
                Reason.NAME_TAKEN,
                f"a Job named {run.name} must belong to this ScheduledJob, but the one that is there does not",
            )
        return job

    def views(self, uid: str) -> Sequence[JobView] | None:
        """Return the Jobs of a resource, or None until all Jobs have been listed."""
        if not self.synced:
            return None
        jobs = self._jobs.get(uid)
        return () if not jobs else tuple(self._view(uid, job) for job in jobs.values())

    def _view(self, uid: str, job: SeenJob) -> JobView:
        ended = [one for pod in self._pods.get(job.uid, {}).values() for one in pod]
        if job.ended is not None and job.had_pods and not ended and self._may_still_tell(uid, job):
            return JobView(job.name, job.fire_time, job.created)
        ref = self._refs.get(uid) or Ref("", "", uid)
        return JobView(job.name, job.fire_time, job.created, report_of(ref, job, ended))

    def _may_still_tell(self, uid: str, job: SeenJob) -> bool:
        now = self._clock.monotonic()
        since = self._ended_at.get(job.uid)
        if since is None:
            self._ended_at[job.uid] = now
            asyncio.get_running_loop().call_later(PODS_GRACE + 0.01, self._changed, uid)
            return True
        return now - since < PODS_GRACE

    def job_changed(self, event: str, job: Json) -> None:
        """Take note of a Job as it now is. Older news than what is known changes nothing."""
        uid = owner_uid(job)
        seen = see_job(job)
        if uid is None or seen is None:
            return
        jobs = self._jobs.setdefault(uid, {})
        if event == "DELETED":
            self._forget(uid, seen)
            self._changed(uid)
            return
        known = jobs.get(seen.name)
        if seen.uid in self._deleted or (known is not None and known.uid == seen.uid and not _newer(seen, known)):
            return
        jobs[seen.name] = seen
        meta = job["metadata"]
        owner = next(one for one in meta["ownerReferences"] if one.get("controller"))
        self._refs[uid] = Ref(meta["namespace"], owner["name"], uid)
        if known is None or known.ended != seen.ended:
            self._changed(uid)

    def _forget(self, uid: str, seen: SeenJob) -> None:
        jobs = self._jobs.get(uid, {})
        known = jobs.get(seen.name)
        if known is not None and known.uid == seen.uid:
            del jobs[seen.name]
        if not jobs:
            self._jobs.pop(uid, None)
            self._refs.pop(uid, None)
        self._pods.pop(seen.uid, None)
        self._ended_at.pop(seen.uid, None)
        self._deleted[seen.uid] = None
        while len(self._deleted) > TOMBSTONES:
            self._deleted.popitem(last=False)

    def pod_changed(self, event: str, pod: Json) -> None:
        """Take note of how the containers of a pod of ours have ended."""
        job_uid = owner_uid(pod)
        if job_uid is None or job_uid in self._deleted:
            return
        if event == "DELETED":
            return  # what it told is kept until its Job goes
        ended = terminations(pod)
        if not ended:
            return
        pods = self._pods.setdefault(job_uid, {})
        first = pod["metadata"]["name"] not in pods
        pods[pod["metadata"]["name"]] = ended
        if first and job_uid in self._ended_at:
            for uid, jobs in self._jobs.items():
                if any(job.uid == job_uid for job in jobs.values()):
                    self._changed(uid)
                    break

    async def delete(self, ref: Ref, job: str) -> None:
        """Delete a Job, and its pods after it.

        Raises:
            Unavailable: It cannot be deleted now.
        """
        known = self._jobs.get(ref.uid, {}).get(job)
        if known is None:
            return
        try:
            await self._client.delete(f"{_path(ref)}/{job}", uid=known.uid, lane=Lane.TIDY)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:  # then another Job has the name by now, and is none of our business
                raise Unavailable(str(error)) from error
        self._forget(ref.uid, known)

    async def cancel(self, run_name: str, ref: Ref, reason: Reason) -> None:
        """Do nothing: when a resource is deleted its Jobs go with it, by their owner references."""

    async def close(self, grace: float) -> None:
        """Do nothing: Jobs go on without us."""


def _path(ref: Ref) -> str:
    return f"/apis/batch/v1/namespaces/{ref.namespace}/jobs"


def _newer(seen: SeenJob, known: SeenJob) -> bool:
    if seen.version.isdecimal() and known.version.isdecimal():
        return int(seen.version) > int(known.version)
    return seen.version != known.version


def _told(error: ApiError, run: Run) -> str:
    """Return the API server's message without the name of a Job that nobody has heard of."""
    return error.message.replace(f'"{run.name}" ', "")[:900]
