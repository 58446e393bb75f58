"""``KubernetesJobStore``: the jobs of an application are ScheduledJobs, which the operator leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

from typing_extensions import override

from kalends.clock import Clock, MicrosecondClock
from kalends.engine.core.state import Ref
from kalends.errors import ApiError, Conflict, Gone, InvalidSettings, JobStoreError, Unavailable
from kalends.job import Job
from kalends.jobstores.base import (
    ConflictingIdError,
    JobLookupError,
    KeptJob,
    RecordingJobStore,
    RecordWrite,
    TransientJobError,
)
from kalends.jobstores.common.ids import check_id, is_id
from kalends.jobstores.kubernetes.access import insist, without_manager
from kalends.jobstores.kubernetes.changes import changed_object
from kalends.jobstores.kubernetes.cluster import Cluster, connect, is_ending
from kalends.jobstores.kubernetes.labels import requirements
from kalends.jobstores.kubernetes.leases import ClusterLeases
from kalends.jobstores.kubernetes.notes import note_of, object_name
from kalends.jobstores.kubernetes.objects import kept_of, manifest_of
from kalends.jobstores.kubernetes.seconds import in_seconds
from kalends.kube.client.lanes import Lane
from kalends.kube.wire.transport import JsonObject, Transport
from kalends.model.forms import MANAGER
from kalends.model.values import LONGEST_MANAGER, OPERATOR
from kalends.stores.crd import CrdJobStore
from kalends.stores.objects import manager_of
from kalends.tasks import Registry
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

MOST_TRIES = 100
"""How often a job is read and written again because others wrote in between."""
CONNECTIONS = 16
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})


class KubernetesJobStore(RecordingJobStore, ClusterLeases):
    """Keeps each job as a ScheduledJob with ``spec.managedBy``: kubectl shows, suspends, edits and requests it.

    ScheduledJobs of the same manager that users create run, too: their ``spec.task.name`` is a registered task, or a
    reference like ``package.module:function``. Write access to them is the permission to call any function of the
    program that can be imported.

    Args:
        managed_by: The value of ``spec.managedBy``, such as ``example.com/my-app``: different for each application.
        namespace: Where the ScheduledJobs are. None: that of the pod, or of the context in the kubeconfig.
        kubeconfig: The path of a kubeconfig. None: ``$KUBECONFIG``, the service account of the pod, ``~/.kube/config``.
        context: A context of the kubeconfig. None: the current context.
        label_selector: Selects among the ScheduledJobs of the manager, as ``kubectl --selector`` does.
        labels: Labels of the ScheduledJobs that ``add_job`` creates.
        ttl_seconds_after_finished: After so many seconds a ScheduledJob is deleted that has ended; None: never.
        task_modules: Modules with registered tasks (``kalends.task``), besides those of installed packages.
        connections: How many requests to the API server are active at once.
        transport: Replaces the connection to the API server.
        clock: Says what the time is.

    Raises:
        InvalidSettings: An argument is not accepted.
    """

    def __init__(  # noqa: PLR0913 - options of a program
        self,
        managed_by: str,
        namespace: str | None = None,
        *,
        kubeconfig: str | Path | None = None,
        context: str | None = None,
        label_selector: str = "",
        labels: Mapping[str, str] | None = None,
        ttl_seconds_after_finished: int | None = 0,
        task_modules: Sequence[str] = (),
        connections: int = CONNECTIONS,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if len(managed_by) > LONGEST_MANAGER or not MANAGER.fits(managed_by) or managed_by == OPERATOR:
            raise InvalidSettings(
                f"managed_by must be {MANAGER.accepted}, of at most {LONGEST_MANAGER} characters, and not "
                f"{OPERATOR!r}, got {managed_by!r}"
            )
        self.managed_by = managed_by
        self.namespace = namespace
        self._kubeconfig = kubeconfig
        self._context = context
        self._selector = label_selector
        self._labels = dict(labels or {})
        self._labels_fit = all(required(self._labels) for required in requirements(label_selector))
        self._ttl = ttl_seconds_after_finished
        self._task_modules = tuple(task_modules)
        self._connections = connections
        self._transport = transport
        self._clock = clock or MicrosecondClock()
        self._registry = Registry()
        self._cluster: Cluster | None = None
        self._reported: dict[str, int] = {}
        self._read: dict[int, Job] = {}
        """Jobs as they were read, by the identity of the object that the program has."""

    # -- start and end

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Connect, and check the CRD and the permissions.

        Raises:
            InvalidSettings: No cluster is configured, the CRD is missing or older, or a permission is missing.
            ApiError: The API server cannot be reached.
        """
        super().start(scheduler, alias)
        self._registry = Registry.load(self._task_modules)
        transport, namespace = self._transport, self.namespace
        if transport is None:
            transport, own = connect(self._kubeconfig, self._context)
            namespace = namespace or own
        cluster = Cluster(
            namespace or "default",
            self.managed_by,
            label_selector=self._selector,
            transport=transport,
            connections=self._connections,
        )
        cluster.open()
        try:
            cluster.call(insist(cluster, self._labels))
        except BaseException:
            cluster.close()
            raise
        self.namespace = cluster.namespace
        self._cluster = cluster

    @override
    def shutdown(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    @property
    @override
    def _api(self) -> Cluster:
        if self._cluster is None:
            raise RuntimeError("the job store must be started: it is when its scheduler starts")
        return self._cluster

    # -- jobs

    @override
    def lookup_job(self, job_id: str) -> Job | None:
        try:
            job = self.kept_job(job_id).job
        except JobLookupError:
            return None
        if job is not None:
            self._remember(job)
        return job

    def _remember(self, job: Job) -> None:
        """Keep a job as it was read, as long as the program has it, so that only its changes are written."""
        key = id(job)
        self._read[key] = copy(job)
        finalize(job, self._read.pop, key, None)

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        until = microseconds_of(now)
        return [job for job in self.get_all_jobs() if job.next_run_time and microseconds_of(job.next_run_time) <= until]

    @override
    def get_next_run_time(self) -> datetime | None:
        times = (job.next_run_time for job in self.get_all_jobs())
        return next((at for at in times if at is not None), None)

    @override
    def get_all_jobs(self) -> list[Job]:
        return sorted((kept.job for kept in self.kept_jobs() if kept.job is not None), key=_order)

    @override
    def kept_jobs(self) -> Sequence[KeptJob]:
        return [self._kept(obj) for obj in self._api.call(self._api.objects())]

    @override
    def kept_job(self, job_id: str) -> KeptJob:
        return self._kept(self._object(job_id))

    def _object(self, job_id: str) -> JsonObject:
        """Return the object of a job.

        Raises:
            JobLookupError: There is none.
        """
        if not is_id(job_id):
            raise JobLookupError(job_id)
        obj = self._api.call(self._api.object(object_name(job_id)))
        if obj is None or note_of(obj).id != job_id:
            raise JobLookupError(job_id)
        return obj

    def _kept(self, obj: JsonObject) -> KeptJob:
        kept = kept_of(obj, self._reference, self._zone)
        if kept.job is not None:
            kept.job.belongs_to(self._scheduler, self._alias)
        elif self._reported.get(kept.uid) != kept.generation:
            self._reported[kept.uid] = kept.generation
            self._logger.error(
                "ScheduledJob %s/%s cannot run: %s", self.namespace, obj["metadata"]["name"], kept.problem
            )
        return kept

    def _reference(self, name: str) -> str:
        """Return the reference to the callable of a task."""
        if ":" in name:
            return name
        try:
            task = self._registry.find(name)
        except Exception as error:
            raise LookupError(getattr(error, "message", str(error))) from error
        return f"{task.module}:{task.attribute}"

    @property
    def _zone(self) -> tzinfo:
        zone = None if self._scheduler is None else getattr(self._scheduler, "timezone", None)
        return zone if isinstance(zone, tzinfo) else UTC

    def _now(self) -> datetime:
        return datetime_of(int(self._clock.now()), UTC)

    # -- changes of jobs

    @override
    def add_job(self, job: Job) -> None:
        self.add_all([job])

    @override
    def add_all(self, jobs: Sequence[Job]) -> None:
        """Add jobs. If one of them cannot be added, those that were added before are removed again.

        Raises:
            ConflictingIdError: There is a job of one of their IDs.
            TransientJobError: A ScheduledJob cannot say what a job is, or the store would not select it.
        """
        manifests: dict[str, JsonObject] = {}
        for job in jobs:
            check_id(job.id)
            if not self._labels_fit:
                selected = f"selected by label_selector={self._selector!r}"
                raise TransientJobError(job.id, f"the store's labels must be {selected}, got {self._labels!r}")
            if job.id in manifests:
                raise ConflictingIdError(job.id)
            manifest = manifest_of(job, self._now(), self.managed_by, self._ttl)
            if self._labels:
                manifest["metadata"]["labels"] = self._labels
            manifests[job.id] = manifest
        self._api.call(self._create_all(manifests))

    async def _create_all(self, manifests: Mapping[str, JsonObject]) -> None:
        answers = await asyncio.gather(*(self._create(*one) for one in manifests.items()), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if errors:
            added = [answer for answer in answers if isinstance(answer, dict)]
            await asyncio.gather(*map(self._delete, added), return_exceptions=True)
            raise errors[0]

    async def _create(self, job_id: str, manifest: JsonObject) -> JsonObject:
        try:
            obj = await self._api.client.create(self._api.collection, manifest, lane=Lane.CREATE)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise await self._conflict(job_id, manifest["metadata"]["name"]) from error
            if error.status in _REFUSED:
                raise TransientJobError(job_id, error.message) from error
            raise
        if manager_of(obj) != self.managed_by:
            await self._delete(obj)  # the operator would act
            raise InvalidSettings(without_manager())
        return obj

    async def _conflict(self, job_id: str, name: str) -> Exception:
        obj = await self._api.any_object(name)
        if obj is not None and is_ending(obj):
            return TransientJobError(job_id, f"the ScheduledJob {self.namespace}/{name} is being deleted")
        if obj is None or await self._api.object(name) is not None:
            return ConflictingIdError(job_id)
        exists, manager = f"the ScheduledJob {self.namespace}/{name} exists, and is", manager_of(obj)
        if manager == self.managed_by:
            return TransientJobError(job_id, f"{exists} not selected by label_selector={self._selector!r}")
        return TransientJobError(job_id, f"{exists} managed by {manager!r}")

    async def _delete(self, obj: JsonObject) -> None:
        """Delete an object, unless it is gone, or was replaced."""
        meta = obj["metadata"]
        await self._api.removed(self._api.path(meta["name"]), uid=meta["uid"], lane=Lane.TIDY)

    @override
    def update_job(self, job: Job) -> None:
        for _ in range(MOST_TRIES):
            obj = self._object(job.id)
            body = changed_object(obj, self._kept(obj).job, self._read.get(id(job)), job, self._now(), self._ttl)
            try:
                self._api.call(self._api.client.merge_patch(self._api.path(obj["metadata"]["name"]), body))
            except ApiError as error:
                if error.status in _REFUSED:
                    raise TransientJobError(job.id, error.message) from error
                if error.status not in _GONE:
                    raise
            else:
                self._read.pop(id(job), None)  # what the program has changed is written
                return
        raise Conflict(f"job {job.id!r} was written by others {MOST_TRIES} times while it was to be changed")

    @override
    def remove_job(self, job_id: str) -> None:
        # The object may be found gone, or replaced, as an answer was lost and the deletion sent again.
        self._api.call(self._delete(self._object(job_id)))

    @override
    def remove_all_jobs(self) -> None:
        self._api.call(self._delete_all())

    async def _delete_all(self) -> None:
        await asyncio.gather(*map(self._delete, await self._api.objects()))

    @override
    def remove_version(self, job_id: str, uid: str, version: int) -> bool:
        if not is_id(job_id):
            return False
        path = self._api.path(object_name(job_id))
        return self._api.call(self._api.removed(path, uid=uid, resource_version=str(version)))

    # -- records

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | Exception | None]:
        return self._api.call(self._write_all(writes))

    async def _write_all(self, writes: Sequence[RecordWrite]) -> Sequence[int | Exception | None]:
        return await asyncio.gather(*map(self._write, writes))

    async def _write(self, write: RecordWrite) -> int | Exception | None:
        if not is_id(write.id):
            return None
        name = object_name(write.id)
        before = None if write.before is None else in_seconds(write.before, write.id, name)
        after = in_seconds(write.record, write.id, name)
        ref, store = Ref(self._api.namespace, name, write.uid), CrdJobStore(self._api.client)
        try:
            version = await store.write(ref, str(write.version), before, after, keeps_unread=write.keeps_unread)
        except (Conflict, Gone):
            return None
        except (JobStoreError, Unavailable) as error:
            return error
        except ApiError as error:  # of the dry run before it, so that nothing was written
            return None if error.status == HTTPStatus.NOT_FOUND else Unavailable(str(error), error.retry_after)
        return int(version)

    # -- what others change

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        found = self._api.call(self._api.metadata())
        return {note_of({"metadata": meta}).id: (meta["uid"], int(meta["resourceVersion"])) for meta in found}

    @override
    def change_number(self) -> int | None:
        return self._api.changes

    @override
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._api.watch(changed)


def _order(job: Job) -> tuple[bool, int, str]:
    at = job.next_run_time
    return at is None, 0 if at is None else microseconds_of(at), job.id
