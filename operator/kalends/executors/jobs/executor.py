"""Runs as Kubernetes Jobs. Their names are their identity: a Job that is created twice is created once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from kalends.clock import Clock
from kalends.engine.core.schedule import OWNER_LABEL, JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import ExecutorEvents, always
from kalends.engine.ports import JobView, Run
from kalends.errors import ApiError, StartDeferred, StartRefused, Unavailable
from kalends.executors.jobs.identity import changed_by_admission, lost_its_controller, resource_of
from kalends.executors.jobs.job_manifest import job_body
from kalends.executors.jobs.name_conflicts import NameConflicts, refuse_premature
from kalends.executors.jobs.refusals import after_creation, after_dry_run, name_is_taken
from kalends.executors.jobs.run_reports import SeenJob, see_job
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.executors.jobs.unanswered_creates import UnansweredCreates
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import JOBS
from kalends.kube.wire.transport import JsonObject
from kalends.model.reasons import Reason

NOT_TO_FOLLOW = "an admission policy changed {} of the Job, which Kalends cannot follow then"
MADE_REMEMBERED = 10_000
"""How many Jobs this process remembers to have created."""


class JobsExecutor:
    """Creates Jobs, and knows from the informers which Jobs exist."""

    def __init__(
        self,
        client: ApiClient,
        clock: Clock,
        seen: SeenJobs,
        learn: Callable[[JsonObject], None] | None = None,
        *,
        max_running: int | None = None,
    ) -> None:
        """Return an executor.

        Args:
            client: Creates, reads and deletes Jobs.
            clock: Says when a Job that is found is too new to be the run's.
            seen: What the informers show.
            learn: Shows a Job that was just created to the informer of its namespace, which notices then when the Job
                is gone although no watch has shown it. Without informers: to ``seen``.
            max_running: How many Jobs may be unfinished at once. None: any number.
        """
        self._max_running = max_running
        self._client = client
        self._seen = seen
        self._learn = learn or partial(seen.job_changed, "ADDED")
        self._namesakes = NameConflicts(client, clock)
        self._unanswered = UnansweredCreates(client)
        self._made: OrderedDict[str, None] = OrderedDict()
        """UIDs of Jobs that this process has created, the latest ones."""
        self._unusable: dict[tuple[Ref, str], tuple[JsonObject, str]] = {}
        """Jobs that admission has changed so that they cannot be followed, and whose deletion has failed."""

    async def open(self, events: ExecutorEvents) -> None:
        """Report resources whose Jobs change to ``events``. How a run ended is read from its Job."""
        self._seen.report_to(events.changed, events.freed)

    def free_slots(self) -> int:
        """Return how many more Jobs may be created: a great many, unless a limit is set."""
        return self._seen.slots.left(self._max_running)

    async def check(self, run: Run) -> None:
        """Have the API server check a template, without creating anything.

        Raises:
            StartRefused: It would refuse every Job made from it.
            Unavailable: It cannot be asked now.
        """
        body = job_body(run, _template(run))
        try:
            answer = await self._client.create(_path(run.ref), body, dry_run=True, lane=Lane.STATUS)
        except ApiError as error:
            meaning = after_dry_run(error, run)
            if meaning is not None:
                raise meaning from error
            return
        changed = changed_by_admission(body, answer)
        if changed:
            raise StartRefused(Reason.INVALID_JOB_TEMPLATE, f"spec.jobTemplate: {NOT_TO_FOLLOW.format(changed)}")

    async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
        """Create the Job of a run, or adopt the existing Job if it is the run's.

        A Job that was seen to be there, and is gone, is not created again: its run has started once.

        Raises:
            StartRefused: The API server refuses the Job itself, its name is taken, or admission changes what it is.
            StartDeferred: It cannot be created now, and does not exist.
            Unavailable: It cannot be created now; whether it exists is unknown.
            NoLongerWanted: It was not wanted any more when its creation could be sent.
        """
        body = job_body(run, _template(run))
        await self._delete_unusable(run)
        known = self._seen.find(run.ref, run.name)
        if known is not None and known.uid not in self._made:
            refuse_premature(run, known.created)
        if known is not None or self._seen.is_gone(run.ref, run.name):
            return
        await self._insist_on_no_other(run)
        try:
            # Not repeated by the client: what is wanted may be another Job by then, or none.
            job = await self._client.create(_path(run.ref), body, repeat=False, lane=Lane.CREATE, is_wanted=is_wanted)
        except ApiError as error:
            self._unanswered.note(run, error)
            if not name_is_taken(error):
                raise after_creation(error, run, may_exist=self._unanswered.includes(run)) from error
            asked = self._unanswered.includes(run)
            job = await self._namesakes.adopt(run, asked=asked)
            if not asked:
                # It was created before, and may have been edited since: it is followed as it is.
                self._take_up(run.ref, job)
                return
        self._unanswered.settle(run)
        changed = changed_by_admission(body, job)
        if changed:
            self._unusable[run.ref, run.name] = job, changed
            await self._delete_unusable(run)
        self._remember_made(job)
        self._learn(job)

    def _take_up(self, ref: Ref, job: JsonObject) -> None:
        """Follow a Job that was read and is the resource's: also one without its label, or without its controller."""
        if OWNER_LABEL in (job["metadata"].get("labels") or {}):
            self._learn(job)  # the watch shows it, and may lag behind
        self._seen.job_read(ref, job)

    def _remember_made(self, job: JsonObject) -> None:
        self._made[job["metadata"]["uid"]] = None
        while len(self._made) > MADE_REMEMBERED:
            self._made.popitem(last=False)

    async def _delete_unusable(self, run: Run) -> None:
        """Delete a Job that cannot be followed: another run must not start beside it, and its end would not be seen.

        Raises:
            StartRefused: It was there, and is deleted.
            Unavailable: It cannot be deleted now.
        """
        found = self._unusable.get((run.ref, run.name))
        if found is None:
            return
        job, changed = found
        meta = job["metadata"]
        try:
            await self._client.delete(_named(run.ref, meta["name"]), uid=meta["uid"], lane=Lane.CREATE)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:  # then it is gone, and the name is another Job's
                raise Unavailable(str(error), error.retry_after) from error
        del self._unusable[run.ref, run.name]
        raise StartRefused(Reason.JOB_REFUSED, f"{NOT_TO_FOLLOW.format(changed)}: it was deleted")

    async def _insist_on_no_other(self, run: Run) -> None:
        """Look for Jobs of the same resource whose creation got no answer.

        Raises:
            Unavailable: They were looked for, which takes its time: what was decided before is to be decided anew.
        """
        if not self._unanswered.others(run):
            return
        found = await self._unanswered.find_created(run)
        ours = [job for job in found if resource_of(job) == run.ref or lost_its_controller(job, run.ref)]
        for job in ours:
            self._take_up(run.ref, job)
        if ours:
            raise Unavailable(f"{ours[0]['metadata']['name']}, whose creation got no answer, is there")
        raise StartDeferred("a Job whose creation got no answer had to be looked for, and is not there")

    def views(self, ref: Ref) -> Sequence[JobView] | None:
        """Return the Jobs of a resource, or None until all Jobs have been listed."""
        return self._seen.views(ref)

    def orphans(self, ref: Ref) -> Sequence[JobView]:
        """Return the Jobs without any controller that only their label and their name assign to a resource."""
        return self._seen.orphans(ref)

    def is_gone(self, ref: Ref, job: str) -> bool:
        """Return whether a Job is known not to be there."""
        return self._seen.is_gone(ref, job)

    async def look(self, ref: Ref, job: str, uid: str = "") -> None:
        """Read a Job that no watch shows: it may exist without its label, or without its controller reference.

        Raises:
            Unavailable: It cannot be read now.
        """
        found = await self._read(job, ref, uid)
        if found is not None:
            self._take_up(ref, found)
        if found is None or self._seen.find(ref, job) is None:
            self._seen.job_missing(ref, job)

    async def delete(self, ref: Ref, job: str) -> None:
        """Delete a Job, and its pods after it.

        Raises:
            Unavailable: It cannot be deleted now.
        """
        known = self._seen.find(ref, job)
        if known is None:
            return
        try:
            await self._client.delete(_named(ref, job), uid=known.uid, lane=Lane.TIDY)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:  # then another Job has the name by now, and is none of our business
                raise Unavailable(str(error)) from error
        self._seen.forget(ref, known)

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """Delete the Job of a run after its pods are deleted. A finished run is left alone.

        Raises:
            Unavailable: It cannot be deleted now.
        """
        if reason is Reason.OWNER_DELETED:
            return  # its Jobs go with it, by their owner references, unless the user orphans them
        job = await self._job_to_delete(run_name, ref, job_uid)
        if job is None or self._seen.is_leaving(job):
            return
        version = None
        if reason in {Reason.PENDING_TIMEOUT, Reason.ADMISSION_TIMEOUT}:
            has_started = self._seen.has_begun(job) if reason is Reason.PENDING_TIMEOUT else job.suspended is None
            if has_started:
                return  # after all, and its end will be seen
            version = job.version  # where the watch lags behind, it may have started nevertheless
        try:
            was_there = await self._client.delete(
                _named(ref, run_name), propagation="Foreground", uid=job.uid, resource_version=version, lane=Lane.STATUS
            )
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or version is not None:
                if error.status == HTTPStatus.CONFLICT:
                    await self._look_again(run_name, ref)
                raise Unavailable(str(error), error.retry_after) from error
            was_there = False  # another Job has the name by now
        if was_there:
            self._seen.leaves(job)
        else:
            self._seen.job_missing(ref, run_name)

    async def _job_to_delete(self, run_name: str, ref: Ref, uid: str) -> SeenJob | None:
        """Return the Job of a run, unless it is not there, or has ended, or is on its way out."""
        known = self._seen.find(ref, run_name)
        if known is None:
            # What was created a moment ago by another process may not have been seen yet.
            job = await self._read(run_name, ref, uid)
            known = None if job is None else see_job(job, ref)
        return None if known is None or known.ended is not None or known.leaving_since is not None else known

    async def _look_again(self, run_name: str, ref: Ref) -> None:
        """Read a Job that has changed since it was last seen: the watch lags behind, and may for long."""
        job = await self._read(run_name, ref)
        if job is not None:
            self._learn(job)

    async def _read(self, run_name: str, ref: Ref, uid: str = "") -> JsonObject | None:
        """Return the Job of a run as it is now, or None if there is none that belongs to the resource.

        The Job that is recorded, or was seen before, has the same UID as long as it exists. It belongs to the resource
        also after its controller reference was removed. Another Job of that name needs the controller reference.

        Raises:
            Unavailable: It cannot be read now.
        """
        try:
            job = await self._client.get(_named(ref, run_name), lane=Lane.STATUS)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise Unavailable(str(error)) from error
        known = self._seen.find(ref, run_name)
        expected = {uid} if known is None else {uid, known.uid}
        return job if job["metadata"]["uid"] in expected or resource_of(job) == ref else None

    async def close(self, grace: float) -> None:
        """Do nothing: Jobs continue without this process."""


def _template(run: Run) -> JobTemplate:
    if not isinstance(run.target, JobTemplate):
        raise StartRefused(Reason.INVALID_SPEC, "a Job needs a `jobTemplate`")
    return run.target


def _path(ref: Ref) -> str:
    return JOBS.collection(ref.namespace)


def _named(ref: Ref, job: str) -> str:
    return JOBS.named(ref.namespace, job)
