"""The Jobs that there are, as far as the informers, and answers to our own requests, have told."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kalends.clock import Clock
from kalends.engine.ports import JobView
from kalends.engine.state import Instant, Ref
from kalends.executors.job_pods import SeenPod, newest_wait, see_pod
from kalends.executors.job_reports import SeenJob, owner_of, owner_uid, report_of, see_job

Json = Mapping[str, Any]
Grave = TypeVar("Grave")

PODS_GRACE = 1.0
"""Seconds that the pods of a Job that has ended get to tell how: they are seen over a watch of their own."""
LINGERING = 60.0
"""Seconds that a Job that had ended is shown after somebody deleted it, as one that cleans up after itself is at once:
how it ended is still to be recorded."""
TOMBSTONES = 10_000
"""How many Jobs that were deleted are remembered: older news of them must not bring them back."""


class SeenJobs:
    """Jobs by the UID of their resource and by name, and what the pods of each tell."""

    def __init__(self, clock: Clock) -> None:
        self.changed: Callable[[str], None] = lambda _uid: None
        self._clock = clock
        self._jobs: dict[str, dict[str, SeenJob]] = {}
        self._refs: dict[str, Ref] = {}
        self._by_uid: dict[str, tuple[str, str]] = {}
        """The UID of its resource and its name, by the UID of a Job."""
        self._pods: dict[str, dict[str, SeenPod]] = {}
        self._begun: set[str] = set()
        """UIDs of Jobs of which a container was seen to have run, though its pod may be gone by now."""
        self._leaving: set[str] = set()
        """UIDs of Jobs that we have deleted in the foreground, and that have not been seen to go."""
        self._ended_at: dict[str, float] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[tuple[str, str], None] = OrderedDict()
        """UIDs of resources and names of Jobs of theirs that were there once."""

    def find(self, uid: str, name: str) -> SeenJob | None:
        """Return a Job of a resource."""
        return self._jobs.get(uid, {}).get(name)

    def was_there(self, uid: str, name: str) -> bool:
        """Return whether a Job of a resource is there, or was: its run has started, whatever became of it."""
        return self.find(uid, name) is not None or (uid, name) in self._gone

    def views(self, uid: str) -> Sequence[JobView]:
        """Return the Jobs of a resource."""
        jobs = self._jobs.get(uid)
        return () if not jobs else tuple(self._view(uid, job) for job in jobs.values())

    def _view(self, uid: str, job: SeenJob) -> JobView:
        pods = self._pods.get(job.uid, {})
        ended = [one for pod in pods.values() for one in pod.ended]
        report = None
        if job.ended is not None and (ended or not job.had_pods or not self._may_still_tell(uid, job)):
            report = report_of(self._refs.get(uid) or Ref("", "", uid), job, ended)
        pending_since, pending_message = self._pending(job)
        return JobView(
            job.name,
            job.fire_time,
            job.created,
            report,
            attempt=job.attempt,
            request=job.request,
            pending_since=pending_since,
            pending_message=pending_message,
            leaving=self.is_leaving(job),
        )

    def _may_still_tell(self, uid: str, job: SeenJob) -> bool:
        now = self._clock.monotonic()
        since = self._ended_at.get(job.uid)
        if since is None:
            self._ended_at[job.uid] = now
            asyncio.get_running_loop().call_later(PODS_GRACE + 0.01, self.changed, uid)
            return True
        return now - since < PODS_GRACE

    def has_begun(self, job: SeenJob) -> bool:
        """Return whether a container of it was ever seen to run."""
        return job.begun or job.uid in self._begun

    def leaves(self, job: SeenJob) -> None:
        """Take note that its deletion has begun, before that is seen."""
        self._leaving.add(job.uid)

    def is_leaving(self, job: SeenJob) -> bool:
        """Return whether it is being deleted."""
        return job.leaving or job.uid in self._leaving

    def _pending(self, job: SeenJob) -> tuple[Instant | None, str]:
        """Return since when a Job waits for a first container to run, and for what."""
        if job.ended is not None or job.suspended or self.has_begun(job):
            return None, ""
        return job.started, newest_wait(self._pods.get(job.uid, {}).values())

    def _telling(self, job: SeenJob | None) -> object:
        """Return what of a Job decides: whoever listens is told when it changes."""
        return None if job is None else (job.ended, job.attempt, job.request, job.fire_time, *self._pending(job))

    def job_changed(self, event: str, job: Json) -> None:
        """Take note of a Job as it now is. Older news than what is known changes nothing."""
        uid = owner_uid(job)
        seen = see_job(job)
        if uid is None or seen is None:
            return
        known = self.find(uid, seen.name)
        if event == "DELETED":
            self._depart(uid, seen, known)
            return
        if seen.uid in self._deleted or (known is not None and known.uid == seen.uid and not _newer(seen, known)):
            return
        before = self._telling(known)
        if known is not None and known.uid != seen.uid:
            self.forget(uid, known.name, known.uid)
        self._remember(uid, seen, job)
        if known is None or before != self._telling(seen):
            self.changed(uid)

    def _remember(self, uid: str, seen: SeenJob, job: Json) -> None:
        self._jobs.setdefault(uid, {})[seen.name] = seen
        self._by_uid[seen.uid] = (uid, seen.name)
        if seen.begun:
            self._begun.add(seen.uid)
        owner = owner_of(job)
        if owner is not None:
            self._refs[uid] = Ref(job["metadata"]["namespace"], owner["name"], uid)

    def _depart(self, uid: str, seen: SeenJob, known: SeenJob | None) -> None:
        """Let go of a Job that was deleted: at once, or in a while if there is an end to tell."""
        if seen.ended is None or known is None or known.uid != seen.uid:
            self.forget(uid, seen.name, seen.uid)
        else:
            self._jobs[uid][seen.name] = seen
            asyncio.get_running_loop().call_later(LINGERING, self._let_go, uid, seen)
        self.changed(uid)

    def _let_go(self, uid: str, seen: SeenJob) -> None:
        known = self.find(uid, seen.name)
        if known is not None and known.uid == seen.uid:
            self.forget(uid, seen.name, seen.uid)
            self.changed(uid)

    def forget(self, uid: str, name: str, job_uid: str) -> None:
        """Let go of a Job that is not there any more."""
        jobs = self._jobs.get(uid, {})
        known = jobs.get(name)
        if known is not None and known.uid == job_uid:
            del jobs[name]
        if not jobs:
            self._jobs.pop(uid, None)
            self._refs.pop(uid, None)
        self._by_uid.pop(job_uid, None)
        self._pods.pop(job_uid, None)
        self._begun.discard(job_uid)
        self._leaving.discard(job_uid)
        self._ended_at.pop(job_uid, None)
        _bury(self._deleted, job_uid)
        _bury(self._gone, (uid, name))

    def pod_changed(self, event: str, pod: Json) -> None:
        """Take note of what a pod of ours tells. It may be seen before its Job is."""
        job_uid = owner_uid(pod)
        if job_uid is None or job_uid in self._deleted:
            return
        uid, name = self._by_uid.get(job_uid, ("", ""))
        job = self.find(uid, name)
        before = self._telling(job)
        news = self._note(job_uid, see_pod(pod), gone=event == "DELETED", kept=job is not None)
        # How a Job ended may have waited for this.
        if before != self._telling(job) or (news and job_uid in self._ended_at):
            self.changed(uid)

    def _note(self, job_uid: str, seen: SeenPod, *, gone: bool, kept: bool) -> bool:
        """Remember a pod, for as long as it or its Job is there; return whether it tells the first of an end."""
        pods = self._pods.setdefault(job_uid, {})
        known = pods.pop(seen.name, None)
        if seen.begun:
            self._begun.add(job_uid)
        if not gone:
            pods[seen.name] = seen
        elif kept and seen.ended:
            pods[seen.name] = SeenPod(seen.name, seen.created, seen.ended, seen.begun)
        if not pods:
            del self._pods[job_uid]
        if gone and not kept:
            self._begun.discard(job_uid)
        return bool(seen.ended) and (known is None or not known.ended)


def _bury(graves: OrderedDict[Grave, None], gone: Grave) -> None:
    graves[gone] = None
    while len(graves) > TOMBSTONES:
        graves.popitem(last=False)


def _newer(seen: SeenJob, known: SeenJob) -> bool:
    if seen.version.isdecimal() and known.version.isdecimal():
        return int(seen.version) > int(known.version)
    return seen.version != known.version
