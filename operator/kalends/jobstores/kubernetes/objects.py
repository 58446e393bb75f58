"""Between the jobs of a program and ScheduledJobs: what is written for a job, and which job an object is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from kalends.conversion.v1alpha1 import from_definition
from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Definition, Problem, Stored
from kalends.engine.core.schedule import RetryPolicy, TaskCall
from kalends.errors import InvalidSpec, InvalidTrigger, SearchUnfinished
from kalends.job import Job
from kalends.jobstores.base import KeptJob, TransientJobError
from kalends.jobstores.json_values import decode
from kalends.jobstores.kubernetes.notes import JOB_ANNOTATION, Note, note_of, note_text, object_name, schedule_digest
from kalends.jobstores.kubernetes.schedules import when_of, whole_second
from kalends.jobstores.kubernetes.seconds import in_microseconds
from kalends.jobstores.serialization import job_to_json
from kalends.model.reasons import Reason
from kalends.model.size_limits import refuse_excess
from kalends.model.values import API_VERSION, KIND, Coalesce, ConcurrencyPolicy
from kalends.references import check_arguments, object_at
from kalends.stores.objects import read_object
from kalends.triggers.base import BaseTrigger
from kalends.triggers.build import build_trigger
from kalends.triggers.described import DescribedTrigger
from kalends.triggers.programs.datetimes import SECOND, datetime_from, datetime_of, datetime_text, microseconds_of
from kalends.triggers.programs.options import needs_identity
from kalends.triggers.programs.rule_trigger import searched
from kalends.triggers.programs.stored import trigger_of
from kalends.triggers.when import When

FindTask = Callable[[str], str]
"""Returns the reference to the callable of a task."""
_CONCURRENCY = {
    "skip": ConcurrencyPolicy.FORBID,
    "queue": ConcurrencyPolicy.QUEUE,
    "replace": ConcurrencyPolicy.REPLACE,
}
_CONCURRENCY_WORDS = {policy: word for word, policy in _CONCURRENCY.items()} | {ConcurrencyPolicy.ALLOW: "skip"}
_COALESCE = {
    True: Coalesce.LATEST,
    False: Coalesce.ALL,
    "latest": Coalesce.LATEST,
    "earliest": Coalesce.EARLIEST,
    "all": Coalesce.ALL,
}
_COALESCE_VALUES: Mapping[Coalesce | None, bool | str] = {
    None: True,
    Coalesce.LATEST: True,
    Coalesce.EARLIEST: "earliest",
    Coalesce.ALL: False,
}
_ALLOWED = 1000
"""What stands for no limit of ``max_instances``."""
_KINDS = frozenset({"date", "interval", "cron", "calendarinterval", "and", "or"})
"""Types of stored triggers that are read: those of Kalends, never a class that an annotation names."""

NO_OPTIONS = (
    "a ScheduledJob of a program accepts `exclude`, `daylight_saving='literal'` and H in its manifest alone: "
    "write them there with kubectl, or keep the job in another job store"
)


# -- from a job


def spec_of(job: Job, now: datetime, ttl: int | None) -> dict[str, Any]:
    """Return the spec of the ScheduledJob of a job, without ``managedBy``.

    Args:
        job: The job.
        now: The current time.
        ttl: Seconds after its end after which the ScheduledJob is deleted; None: it is kept.

    Raises:
        TransientJobError: A ScheduledJob cannot say it; the message says what is accepted.
    """
    if job.exclude or job.daylight_saving != "adjust" or needs_identity(job.trigger):
        raise TransientJobError(job.id, NO_OPTIONS)
    document = job_to_json(job)
    first = job.first_fire_time
    try:
        when = when_of(job.trigger, None if first is None else whole_second(first), now)
        build_trigger(when, created=microseconds_of(now) // SECOND, zone="UTC", identity=job.id)
        definition = Definition(
            when=when,
            target=TaskCall(document["func"], document["args"], document["kwargs"]),
            executor="" if job.executor == "default" else job.executor,
            suspended=job.next_run_time is None,
            grace_time=job.misfire_grace_time,
            coalesce=None if job.coalesce is True else _COALESCE[job.coalesce],
            concurrency=_concurrency(job),
            max_instances=None if job.max_instances == 1 else job.max_instances,
            max_runs=job.max_runs,
            jitter=_whole("jitter", getattr(job.trigger, "jitter", None)) or 0,
            retry=_retry(job.retry),
            time_limit=_whole("time_limit", job.time_limit),
            ttl=ttl,
        )
        spec = from_definition(definition)
        refuse_excess(spec)
    except (InvalidSpec, InvalidTrigger) as error:
        raise TransientJobError(job.id, str(error)) from error
    return spec


def annotation_of(job: Job, spec: Mapping[str, Any], generation: int) -> dict[str, str]:
    """Return the annotation of a job; ``spec`` is what is written with it, and ``generation`` what that becomes."""
    first = job.first_fire_time
    note = Note(
        id=job.id,
        name=job.name,
        generation=generation,
        first=None if first is None else datetime_text(whole_second(first)),
        trigger=None if isinstance(job.trigger, DescribedTrigger) else job_to_json(job)["trigger"],
        schedule=schedule_digest(spec),
        options={"concurrency": job.concurrency} if _is_batch(job) else None,
    )
    return {JOB_ANNOTATION: note_text(note)}


def manifest_of(job: Job, now: datetime, managed_by: str, ttl: int | None) -> dict[str, Any]:
    """Return the ScheduledJob of a new job.

    Raises:
        TransientJobError: As ``spec_of``.
    """
    spec = {"managedBy": managed_by, **spec_of(job, now, ttl)}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": object_name(job.id), "annotations": annotation_of(job, spec, 1)},
        "spec": spec,
    }


def _concurrency(job: Job) -> ConcurrencyPolicy:
    # Fire times that all run do so one after another, as a batch of APScheduler does.
    return ConcurrencyPolicy.QUEUE if _is_batch(job) else _CONCURRENCY[job.concurrency]


def _is_batch(job: Job) -> bool:
    return _COALESCE[job.coalesce] is Coalesce.ALL and job.concurrency == "skip"


def _whole(name: str, seconds: float | None) -> int | None:
    if seconds is None or seconds == int(seconds):
        return None if seconds is None else int(seconds)
    raise InvalidTrigger(f"{name} must be a whole number of seconds, got {seconds}")


def _retry(given: int | Mapping[str, Any] | None) -> RetryPolicy | None:
    if given is None:
        return None
    if isinstance(given, int):
        return RetryPolicy(limit=given)
    names = {"backoff": "backoff_seconds", "max_backoff": "max_backoff_seconds"}
    return RetryPolicy(**{names.get(name, name): value for name, value in given.items()})


# -- to a job


def kept_of(obj: Mapping[str, Any], find: FindTask, zone: tzinfo) -> KeptJob:
    """Return the job of an object; whatever stands in it becomes a problem of the job, and is never raised.

    Args:
        obj: A ScheduledJob.
        find: Finds the callable of a task.
        zone: The time zone in which fire times are shown where the schedule names none.
    """
    note = note_of(obj)
    meta = obj["metadata"]
    stored = _in_microseconds(read_object(obj), note.id)
    stored = replace(stored, identity=f"{stored.ref.namespace}/{meta['name']}")
    created, edited = stored.created, stored.edited
    job = None
    problem = stored.problem
    if stored.definition is not None:
        try:
            job = _job(obj, stored, note, find, zone)
        except InvalidSpec as error:
            problem = Problem(error.reason, str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an import may raise anything, or call sys.exit()
            problem = Problem(Reason.UNKNOWN_TASK, f"{type(error).__name__}: {error}")
    if job is not None:
        stored = _counting_from(stored, job, note)
    return KeptJob(
        id=note.id,
        uid=stored.ref.uid,
        version=int(stored.version),
        generation=stored.generation,
        created=created,
        edited=created if edited is None else edited,
        job=job,
        record=stored.record,
        problem="" if job is not None or problem is None else problem.message,
        stored=replace(stored, problem=None if job is not None else problem),
    )


def _in_microseconds(stored: Stored, job_id: str) -> Stored:
    record, definition = stored.record, stored.definition
    return replace(
        stored,
        created=stored.created * SECOND,
        edited=None if stored.edited is None else stored.edited * SECOND,
        record=None if record is None else in_microseconds(record, job_id, stored.ref.name),
        definition=None if definition is None else replace(definition, executor=definition.executor or "default"),
    )


def _counting_from(stored: Stored, job: Job, note: Note) -> Stored:
    """Let fire times count from right before the first that the program chose, also if that has passed."""
    first = job.first_fire_time
    if first is None or _noted_first(note) is None or note.generation != stored.generation:
        return stored
    before = microseconds_of(first) - 1
    edited = before if stored.edited is None else min(stored.edited, before)
    return replace(stored, created=min(stored.created, before), edited=edited)


def _job(obj: Mapping[str, Any], stored: Stored, note: Note, find: FindTask, zone: tzinfo) -> Job:
    definition = stored.definition
    call = None if definition is None else definition.target
    if definition is None or not isinstance(call, TaskCall):
        raise InvalidSpec("must be a `task`: an application runs no Jobs", path="spec.jobTemplate")
    reference, args, kwargs = _called(call, find)
    trigger = _trigger(obj, stored, definition, note)
    first = _first(stored, note, trigger, zone)
    record = stored.record
    # A record that was written before the program's last change does not know of it.
    outdated = record is not None and record.observed_generation < stored.generation == note.generation
    upcoming = None if record is None or outdated else record.next_run
    following = first if upcoming is None else datetime_of(upcoming, first.tzinfo or UTC)
    job = Job.__new__(Job)
    job.__setstate__(
        {
            "id": note.id,
            "func": reference,
            "args": args,
            "kwargs": kwargs,
            "name": note.name,
            "trigger": trigger,
            "executor": definition.executor,
            "misfire_grace_time": definition.grace_time,
            "coalesce": _COALESCE_VALUES[definition.coalesce],
            "next_run_time": None if definition.suspended else following,
            "first": None if definition.suspended else first,
            "retry": None if definition.retry is None else _retry_values(definition.retry),
            "time_limit": definition.time_limit,
            "max_runs": definition.max_runs,
            **_concurrency_values(definition, note),
        }
    )
    return job


def _called(call: TaskCall, find: FindTask) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return the reference to the callable, and its arguments.

    Raises:
        InvalidSpec: There is no such task, or the arguments do not fit it.
    """
    try:
        reference = find(call.name)
        func = object_at(reference)
    except (LookupError, ValueError) as error:
        accepted = "must be a registered task of the application, or a reference like 'package.module:function'"
        message = f"{accepted}, got '{call.name}': {error}"
        raise InvalidSpec(message, path="spec.task.name", reason=Reason.UNKNOWN_TASK) from error
    try:
        args = tuple(decode(value) for value in call.args)
        kwargs = {name: decode(value) for name, value in call.kwargs.items()}
        check_arguments(func, args, kwargs)
    except (LookupError, ValueError, TypeError) as error:
        raise InvalidSpec(str(error), path="spec.task.args", reason=Reason.INVALID_ARGUMENTS) from error
    return reference, args, kwargs


def _trigger(obj: Mapping[str, Any], stored: Stored, definition: Definition, note: Note) -> BaseTrigger:
    noted = _noted_trigger(note) if note.schedule == schedule_digest(obj["spec"]) else None
    if noted is not None:
        return noted
    if not isinstance(definition.when, When):
        raise TypeError(f"a schedule must be a description, got {type(definition.when).__name__}")
    return DescribedTrigger(
        definition.when,
        created=stored.created // SECOND,
        identity=stored.identity,
        jitter=definition.jitter or None,
    )


def _noted_trigger(note: Note) -> BaseTrigger | None:
    """Return the trigger of the annotation; None: it has none, or none that can be read, as a user has changed it."""
    try:
        return trigger_of(note.trigger) if note.trigger is not None and _is_known(note.trigger) else None
    except Exception:  # noqa: BLE001 - whatever stands in it, the spec says the fire times
        return None


def _noted_first(note: Note) -> datetime | None:
    """Return the first fire time of the annotation; None: as for its trigger."""
    try:
        return None if note.first is None else datetime_from(note.first)
    except Exception:  # noqa: BLE001 - as above
        return None


def _is_known(state: Mapping[str, Any]) -> bool:
    members = state.get("triggers", ())
    return state.get("type") in _KINDS and isinstance(members, list | tuple) and all(map(_is_known, members))


def _first(stored: Stored, note: Note, trigger: BaseTrigger, zone: tzinfo) -> datetime:
    noted = _noted_first(note) if note.generation == stored.generation else None
    if noted is not None:
        return noted
    since = stored.created if stored.record is None else stored.record.decided_until
    times = getattr(trigger, "fire_times", None)
    try:
        found = None if times is None else searched(times(), since)
    except SearchUnfinished:
        found = None
    return datetime_of(since if found is None else found, getattr(trigger, "timezone", None) or zone)


def _retry_values(retry: RetryPolicy) -> dict[str, Any]:
    return {
        "limit": retry.limit,
        "backoff": retry.backoff_seconds,
        "factor": retry.factor,
        "max_backoff": retry.max_backoff_seconds,
        "on_lost": retry.on_lost,
    }


def _concurrency_values(definition: Definition, note: Note) -> dict[str, Any]:
    policy = definition.concurrency
    word = _CONCURRENCY_WORDS[policy]
    batch = policy is ConcurrencyPolicy.QUEUE and definition.coalesce is Coalesce.ALL
    if batch and (note.options or {}).get("concurrency") == "skip":
        word = "skip"
    default = _ALLOWED if policy is ConcurrencyPolicy.ALLOW else 1
    return {"concurrency": word, "max_instances": definition.max_instances or default}
