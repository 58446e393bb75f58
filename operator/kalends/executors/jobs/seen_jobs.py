"""The Jobs of each ScheduledJob, as the informers and the answers to our own requests have shown them.

What the engine is shown of a Job is made when the Job or one of its pods changes, and kept: a look at a resource costs
the same whether its Jobs are new or have been there for a year.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kalends.engine.core.state import Instant, Ref
from kalends.engine.ports import Admission, JobView
from kalends.executors.jobs.identity import job_of, resource_of
from kalends.executors.jobs.job_slots import JobSlots
from kalends.executors.jobs.orphans import Orphans
from kalends.executors.jobs.run_reports import SeenJob, report_of, see_job
from kalends.executors.jobs.seen_pods import SeenPods
from kalends.model.versions import is_newer, is_older

Json = Mapping[str, Any]
Key = TypeVar("Key")

PODS_GRACE = 1.0
"""Seconds to wait for the pods of a finished Job to report their end: they arrive over a separate watch."""
LINGERING = 60.0
"""Seconds that a Job that had ended is shown after its deletion, as Jobs that clean up after themselves are deleted at
once: how it ended is still to be recorded."""
LOOK_AGAIN = 15.0
"""Seconds between two reads of a Job that no watch shows any more, as its label was taken away."""
SUSPENDED_AT_ONCE = 60
"""Seconds after its creation within which a Job that is created suspended is noted as such by its controller."""
TOMBSTONES = 10_000
"""How many deleted Jobs are remembered: older news of them must not bring them back."""


class SeenJobs:
    """Jobs by their resource and by name.

    A Job is filed under the resource that its controller reference names, in the Job's own namespace: what claims to
    belong to a resource of another namespace is filed where no resource looks.
    """

    def __init__(self) -> None:
        self._listed = False
        self._changed: Callable[[Ref], None] = lambda _ref: None
        self._freed: Callable[[], None] = lambda: None
        self.slots = JobSlots()
        self._jobs: dict[Ref, dict[str, SeenJob]] = {}
        self._views: dict[Ref, dict[str, JobView]] = {}
        self._resources: dict[str, Ref] = {}
        """The resource of a Job, by the UID of the Job."""
        self._pods = SeenPods()
        self._leaving: set[str] = set()
        """UIDs of Jobs that we have deleted in the foreground, and that have not been seen to go."""
        self._patience: dict[str, bool] = {}
        """By the UID of a finished Job whose pods have not reported their end: whether they had time enough."""
        self._unsure: set[str] = set()
        """UIDs of Jobs that left the watch without an end: deleted, or without their label. They are to be read."""
        self._unfollowed: set[str] = set()
        """UIDs of Jobs that were read since and are active: no watch shows them."""
        self._disowned: set[str] = set()
        """UIDs of Jobs whose controller reference was taken away, or changed."""
        self._orphans = Orphans()
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[tuple[Ref, str], None] = OrderedDict()
        """Resources and names of Jobs of theirs that were there once."""

    def report_to(self, changed: Callable[[Ref], None], freed: Callable[[], None] = lambda: None) -> None:
        """Call ``changed`` with each resource whose Jobs change from now on, and ``freed`` when a Job has ended."""
        self._changed, self._freed = changed, freed

    def all_are_listed(self) -> None:
        """Note that the informers have shown every Job: only from now on is anything said of the Jobs of a resource."""
        self._listed = True

    # -- what is known

    @property
    def records_kept(self) -> int:
        """How many records of Jobs and pods are kept in memory, besides the names of Jobs that no longer exist."""
        kept = (self._jobs, self._views, self._resources, self._patience, self._unsure, self._unfollowed, self._pods)
        return sum(len(records) for records in kept)

    def find(self, ref: Ref, name: str) -> SeenJob | None:
        """Return a Job of a resource."""
        return self._jobs.get(ref, {}).get(name)

    def is_gone(self, ref: Ref, name: str) -> bool:
        """Return whether a Job of a resource was there once, or was looked for, and is not there."""
        return (ref, name) in self._gone and self.find(ref, name) is None

    def views(self, ref: Ref) -> Sequence[JobView] | None:
        """Return the Jobs of a resource, or None until all Jobs have been listed."""
        return tuple(self._views.get(ref, {}).values()) if self._listed else None

    def orphans(self, ref: Ref) -> Sequence[JobView]:
        """Return the Jobs without any controller that have the label of a resource, and are not known to be its."""
        return self._orphans.of(ref) if self._listed else ()

    def has_begun(self, job: SeenJob) -> bool:
        """Return whether a container of it was ever seen to run."""
        return job.begun or self._pods.has_begun(job.key)

    def leaves(self, job: SeenJob) -> None:
        """Note that its deletion has begun, before that is seen."""
        self._leaving.add(job.uid)
        ref = self._resources.get(job.uid)
        if ref is not None:
            self._show(ref, job)

    def is_leaving(self, job: SeenJob) -> bool:
        """Return whether it is being deleted."""
        return job.leaving_since is not None or job.uid in self._leaving

    # -- events of the watch of Jobs

    def job_changed(self, event: str, job: Json) -> None:
        """Receive the current state of a Job. Older news than what is known changes nothing."""
        uid = job["metadata"]["uid"]
        known_of = self._resources.get(uid)
        # A Job that is known to be a resource's stays that: its UID is the same, whatever became of its references.
        seen = see_job(job, known_of)
        ref = known_of or resource_of(job)
        if ref is None:
            self._orphans.job_changed(event, job)
        else:
            self._orphans.drop(uid)
        if seen is None or ref is None:
            return
        if event == "DELETED":
            self._depart(ref, seen)
        elif self._is_current(ref, seen) and (uid not in self._unsure or self._is_new(ref, seen)):
            self._unfollowed.discard(uid)
            self._note_owner(ref, job)
            self._remember(ref, seen)

    def _note_owner(self, ref: Ref, job: Json) -> None:
        uid = job["metadata"]["uid"]
        if resource_of(job) == ref:
            self._disowned.discard(uid)
        else:
            self._disowned.add(uid)

    def job_read(self, ref: Ref, job: Json) -> None:
        """Receive a Job of a resource that was read by name. Without its label no watch shows it: it is read again."""
        seen = see_job(job, ref)
        if seen is None or not self._is_current(ref, seen):
            return
        if not seen.labelled:
            self._unfollowed.add(seen.uid)
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._doubt, ref, seen)
        self._note_owner(ref, job)
        self._remember(ref, seen)

    def job_missing(self, ref: Ref, name: str) -> None:
        """Note that a Job that was looked for is not there."""
        known = self.find(ref, name)
        if known is not None:
            self.forget(ref, known)
        self._orphans.drop_named(ref, name)
        _remember_deleted(self._gone, (ref, name))
        self._changed(ref)

    def _is_current(self, ref: Ref, seen: SeenJob) -> bool:
        known = self.find(ref, seen.name)
        return seen.uid not in self._deleted and (known is None or known.uid != seen.uid or not _is_older(seen, known))

    def _is_new(self, ref: Ref, seen: SeenJob) -> bool:
        known = self.find(ref, seen.name)
        return known is None or known.uid != seen.uid or is_newer(seen.version, known.version)

    def _remember(self, ref: Ref, seen: SeenJob) -> None:
        known = self.find(ref, seen.name)
        if known is not None and known.uid != seen.uid:
            self.forget(ref, known)
        self._jobs.setdefault(ref, {})[seen.name] = seen
        self._resources[seen.uid] = ref
        if seen.ended is None:
            self.slots.take(ref.namespace, seen.uid)
        else:
            self._free_slot(seen)
        self._orphans.drop(seen.uid)
        self._unsure.discard(seen.uid)
        if seen.begun:
            self._pods.job_begins(seen.key)
        self._show(ref, seen)

    def _depart(self, ref: Ref, seen: SeenJob) -> None:
        """Let a Job go that has left the watch.

        One that had ended is shown for a while, as its end is still to be recorded. One that was not being deleted may
        have lost its label instead, and run on.
        """
        known = self.find(ref, seen.name)
        if known is None or known.uid != seen.uid:
            _remember_deleted(self._deleted, seen.uid)
            _remember_deleted(self._gone, (ref, seen.name))
            return
        if seen.ended is not None or known.ended is not None:
            ended = seen if seen.ended is not None else known
            self._jobs[ref][seen.name] = ended
            self._free_slot(ended)
            self._show(ref, ended)
            asyncio.get_running_loop().call_later(LINGERING, self._let_go, ref, ended)
        elif self.is_leaving(seen) or self.is_leaving(known):
            self.forget(ref, seen)
            self._changed(ref)
        else:
            self._unsure.add(seen.uid)
            self._show(ref, known)

    def _doubt(self, ref: Ref, job: SeenJob) -> None:
        """Have a Job read again that no watch shows, unless it has ended."""
        known = self.find(ref, job.name)
        if job.uid in self._unfollowed and known is not None and known.ended is None:
            self._unsure.add(job.uid)
            self._show(ref, known)

    def _let_go(self, ref: Ref, seen: SeenJob) -> None:
        known = self.find(ref, seen.name)
        if known is not None and known.uid == seen.uid:
            self.forget(ref, seen)
            self._changed(ref)

    def forget(self, ref: Ref, job: SeenJob) -> None:
        """Drop a Job that is gone."""
        jobs = self._jobs.get(ref, {})
        known = jobs.get(job.name)
        if known is not None and known.uid == job.uid:
            del jobs[job.name]
            self._views[ref].pop(job.name, None)
        if not jobs:
            self._jobs.pop(ref, None)
            self._views.pop(ref, None)
        self._resources.pop(job.uid, None)
        self._free_slot(job)
        self._pods.forget(job.key)
        self._patience.pop(job.uid, None)
        for marked in (self._leaving, self._unsure, self._unfollowed, self._disowned):
            marked.discard(job.uid)
        _remember_deleted(self._deleted, job.uid)
        _remember_deleted(self._gone, (ref, job.name))

    def _free_slot(self, job: SeenJob) -> None:
        if self.slots.free(job.uid):
            self._freed()

    # -- events of the watch of pods

    def pod_changed(self, event: str, pod: Json) -> None:
        """Receive the current state of a pod. It may be seen before its Job is."""
        key = job_of(pod)
        if key is None or key.uid in self._deleted:
            return
        ref = self._resources.get(key.uid)
        job = None if ref is None else self.find(ref, key.name)
        if job is not None and job.key != key:
            return  # a pod of another namespace, or one that names its Job wrongly
        self._pods.pod_changed(key, event, pod, job_is_known=job is not None)
        if ref is not None and job is not None:
            self._show(ref, job)

    # -- what is shown of it

    def _show(self, ref: Ref, job: SeenJob) -> None:
        """Make what the engine is shown of a Job, and say that it has changed if it has."""
        if self.find(ref, job.name) != job:
            return
        views = self._views.setdefault(ref, {})
        before, after = views.get(job.name), self._view(ref, job)
        views[job.name] = after
        if before != after:
            self._changed(ref)

    def _view(self, ref: Ref, job: SeenJob) -> JobView:
        report = None
        if job.ended is not None:
            ended = self._pods.terminations(job.key)
            if ended or not job.had_pods or not self._may_still_tell(ref, job):
                report = report_of(ref, job, ended)
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
            leaving=self.is_leaving(job) and not job.ended_before_its_deletion,
            admission=self._admission(job),
            unsure=job.uid in self._unsure,
            altered=job.uid in self._unfollowed or job.uid in self._disowned,
            disowned=job.uid in self._disowned,
            uid=job.uid,
        )

    def _may_still_tell(self, ref: Ref, job: SeenJob) -> bool:
        if job.uid not in self._patience:
            self._patience[job.uid] = False
            asyncio.get_running_loop().call_later(PODS_GRACE, self._stop_waiting, ref, job)
        return not self._patience[job.uid]

    def _stop_waiting(self, ref: Ref, job: SeenJob) -> None:
        known = self.find(ref, job.name)
        if known is not None and known.uid == job.uid:
            self._patience[job.uid] = True
            self._show(ref, known)

    def _pending(self, job: SeenJob) -> tuple[Instant | None, str]:
        """Return since when a Job waits for a first container to run, and for what."""
        if job.ended is not None or job.suspended is not None or self.has_begun(job):
            return None, ""
        return job.started, self._pods.wait(job.key)

    def _admission(self, job: SeenJob) -> Admission | None:
        """Return since when a Job is suspended, and in which queue, or None while it is not."""
        if job.ended is not None or job.suspended is None:
            return None
        # The controller notes at once that a Job is suspended from the start. A later note means that it was not.
        again = self.has_begun(job) or job.suspended > job.created + SUSPENDED_AT_ONCE
        return Admission(job.suspended, job.queue, again=again)


def _remember_deleted(tombstones: OrderedDict[Key, None], gone: Key) -> None:
    tombstones[gone] = None
    while len(tombstones) > TOMBSTONES:
        tombstones.popitem(last=False)


def _is_older(one: SeenJob, other: SeenJob) -> bool:
    return is_older(one.version, other.version)
