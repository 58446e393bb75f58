"""``kalends.dev/v1alpha1`` to a definition, and back.

``Definition`` is the hub between API versions: another version is a module like this one, and is converted to this one
by way of the definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from kalends.conversion.targets import TARGETS, Targets
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import REQUEST_ANNOTATION, RetryPolicy
from kalends.errors import InvalidSpec
from kalends.model.v1alpha1.spec import Retry, ScheduledJobSpec
from kalends.model.v1alpha1.trigger import CalendarInterval, CronFields, Exclusion, Interval, Member, Trigger
from kalends.triggers.when import (
    CalendarIntervalSpec,
    CronSpec,
    DateSpec,
    ExclusionSpec,
    IntervalSpec,
    MemberSpec,
    TriggerSpec,
    When,
)

RESTORED_ANNOTATION = "kalends.dev/restored"
VELERO_LABEL = "velero.io/restore-name"
_NOTHING: Mapping[str, str] = {}


def to_definition(
    spec: ScheduledJobSpec,
    *,
    labels: Mapping[str, str] = _NOTHING,
    annotations: Mapping[str, str] = _NOTHING,
    targets: Targets = TARGETS,
) -> Definition:
    """Return what a resource asks for.

    Args:
        spec: As it was read.
        labels: Of the resource. Those that are addressed to Kueue are passed on to its Jobs, as Kueue's own
            integrations do.
        annotations: Of the resource. They may ask for a run, or mark the resource as restored.
        targets: The kinds of targets that the spec can contain.

    Raises:
        InvalidSpec: It asks for nothing that can run, or for two things. The schema refuses that.
    """
    return Definition(
        when=when_of(spec),
        target=targets.read(spec, labels),
        executor=spec.executor or "",
        suspended=spec.suspend,
        grace_time=spec.starting_deadline_seconds,
        coalesce=spec.coalesce,
        catch_up_runs=spec.max_catch_up_runs,
        concurrency=spec.concurrency_policy,
        max_instances=spec.max_instances,
        max_queued=spec.max_queued,
        max_runs=spec.max_runs,
        jitter=spec.jitter_seconds,
        retry=None if spec.retry is None else _retry(spec.retry),
        time_limit=spec.active_deadline_seconds,
        pending_timeout=spec.pending_timeout_seconds,
        admission_timeout=spec.admission_timeout_seconds,
        keep_succeeded=spec.successful_jobs_history_limit,
        keep_failed=spec.failed_jobs_history_limit,
        ttl=spec.ttl_seconds_after_finished,
        request=annotations.get(REQUEST_ANNOTATION, ""),
        restored=is_restored(labels, annotations),
    )


def is_restored(labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Return whether a resource is marked as coming from a backup."""
    return annotations.get(RESTORED_ANNOTATION) == "true" or VELERO_LABEL in labels


def from_definition(definition: Definition, targets: Targets = TARGETS) -> dict[str, Any]:
    """Return a definition as a spec in JSON, without what is left to defaults.

    What is no part of a spec (the request, the mark of a restored resource) is left out.

    Raises:
        InvalidSpec: It cannot be written as a spec; the message says what is accepted.
    """
    if not isinstance(definition.when, When):
        raise InvalidSpec(
            f"must be a description (`When`) to be written, got a trigger: {type(definition.when).__name__}",
            path="spec.trigger",
        )
    given = {
        **asdict(definition.when),
        **targets.write(definition.target),
        "executor": definition.executor or None,
        "suspend": definition.suspended,
        "starting_deadline_seconds": definition.grace_time,
        "coalesce": definition.coalesce,
        "max_catch_up_runs": definition.catch_up_runs,
        "concurrency_policy": definition.concurrency,
        "max_instances": definition.max_instances,
        "max_queued": definition.max_queued,
        "max_runs": definition.max_runs,
        "jitter_seconds": definition.jitter,
        "retry": None if definition.retry is None else asdict(definition.retry),
        "active_deadline_seconds": definition.time_limit,
        "pending_timeout_seconds": definition.pending_timeout,
        "admission_timeout_seconds": definition.admission_timeout,
        "successful_jobs_history_limit": definition.keep_succeeded,
        "failed_jobs_history_limit": definition.keep_failed,
        "ttl_seconds_after_finished": definition.ttl,
    }
    try:
        spec = targets.spec.model_validate(given)
    except ValidationError as error:
        raise _refusal(error) from error
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _refusal(error: ValidationError) -> InvalidSpec:
    """Return the first problem, with its place as it is called in a spec."""
    first = error.errors()[0]
    path = ".".join(["spec", *(to_camel(str(part)) for part in first["loc"])])
    return InvalidSpec(f"{first['msg']}, got {first['input']!r}", path=path)


def when_of(spec: ScheduledJobSpec) -> When:
    """Return the part of a spec that says when."""
    return When(
        schedule=spec.schedule,
        trigger=None if spec.trigger is None else TriggerSpec(**_members(spec.trigger)),
        time_zone=spec.time_zone,
        start_time=spec.start_time,
        end_time=spec.end_time,
        exclude=tuple(_exclusion(exclusion) for exclusion in spec.exclude),
        daylight_saving=spec.daylight_saving,
    )


def _retry(retry: Retry) -> RetryPolicy:
    return RetryPolicy(
        limit=retry.limit,
        backoff_seconds=retry.backoff_seconds,
        factor=retry.factor,
        max_backoff_seconds=retry.max_backoff_seconds,
        on_lost=retry.on_lost,
    )


def _members(trigger: Trigger) -> dict[str, Any]:
    interval, calendar = trigger.interval, trigger.calendar_interval
    return {
        "cron": None if trigger.cron is None else _cron(trigger.cron),
        "interval": None if interval is None else IntervalSpec(**_fields(interval)),
        "calendar_interval": None if calendar is None else CalendarIntervalSpec(**_fields(calendar)),
        "date": None if trigger.date is None else DateSpec(trigger.date.at),
        "any_of": None if trigger.any_of is None else tuple(_member(member) for member in trigger.any_of),
        "all_of": None if trigger.all_of is None else tuple(_member(member) for member in trigger.all_of),
    }


def _member(member: Member) -> MemberSpec:
    return MemberSpec(
        **_members(member), time_zone=member.time_zone, start_time=member.start_time, end_time=member.end_time
    )


def _cron(fields: CronFields) -> CronSpec:
    return CronSpec(**_fields(fields))


def _exclusion(exclusion: Exclusion) -> ExclusionSpec:
    cron = None if exclusion.cron is None else _cron(exclusion.cron)
    return ExclusionSpec(exclusion.from_, exclusion.to, cron)


def _fields(flat: CronFields | Interval | CalendarInterval) -> dict[str, Any]:
    """Return the fields of a class whose counterpart has the same."""
    return dict(flat)
