"""From what a store holds to what the engine decides on: trigger built, defaults filled in, every name checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import orjson

from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Definition, Problem, Stored
from kalends.engine.core.namespace_quota import NamespaceQuota
from kalends.engine.core.schedule import Check, Defaults, RetryPolicy, Schedule
from kalends.engine.core.state import Ref
from kalends.engine.core.target import Target
from kalends.engine.ports import Snapshot
from kalends.errors import InvalidSpec
from kalends.model.reasons import Reason
from kalends.model.values import LONGEST_TOKEN, MOST_QUEUED
from kalends.triggers import Scaled, Trigger, TriggerCache, When, build_trigger, reads_wall_time, summary

DEFAULT_CATCH_UP_RUNS = 100
"""How many missed fire times ``coalesce: All`` runs when the resource does not say."""
LONGEST_PROBLEM = 1024
"""Characters of a message in a condition."""


def accept_all(target: Target, executor: str) -> None:
    """Refuse no target."""
    del target, executor


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a definition is compiled with besides itself."""

    defaults: Defaults = field(default_factory=Defaults)
    check: Check = accept_all
    """Refuses tasks, arguments, executors and templates that cannot run here."""
    second: int = 1
    """How many units of the engine's instants a second has. Definitions are in seconds, schedules in units."""


class Compiler:
    """Compiles what stores hold. It never raises for what a user wrote: that becomes the problem of the snapshot."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self.edition = 1
        """Counts the surroundings. A snapshot that was compiled with others is news, whatever its version is."""
        self._surroundings = surroundings or Surroundings()
        self._quota = NamespaceQuota()
        self._triggers = TriggerCache()

    def use(self, surroundings: Surroundings) -> None:
        """Compile with other surroundings from now on; what was compiled before is to be shown again."""
        self._surroundings = surroundings
        self.edition += 1

    def compile(self, stored: Stored) -> Snapshot:
        """Return a stored resource as the engine decides on it."""
        schedule, problem = self._schedule(stored)
        request = stored.request if stored.definition is None else stored.definition.request
        return Snapshot(
            ref=stored.ref,
            version=stored.version,
            generation=stored.generation,
            created=stored.created,
            schedule=schedule,
            state=stored.record,
            problem=problem,
            record_problem=stored.record_problem,
            operator=stored.operator,
            incomplete=stored.incomplete,
            restored=stored.restored,
            request=_token(request),
            requested_later=bool(request) and stored.requested_later,
            compiled_with=self.edition,
        )

    def forget(self, ref: Ref) -> None:
        """Count the memory of a resource no longer: it was deleted."""
        self._quota.forget(ref.namespace, ref.uid)

    def _schedule(self, stored: Stored) -> tuple[Schedule | None, Problem | None]:
        definition = stored.definition
        if definition is None:
            return None, stored.problem or Problem(Reason.INVALID_SPEC, "cannot be read")
        try:
            schedule = compile_schedule(stored, definition, self._surroundings, self._triggers)
            self._quota.admit(schedule)
        except InvalidSpec as error:
            return None, Problem(error.reason, str(error)[:LONGEST_PROBLEM], summary_of(definition))
        except Exception as error:  # noqa: BLE001 - whatever a resource holds, it harms only itself
            text = f"cannot be read: {type(error).__name__}: {error}"
            return None, Problem(Reason.INTERNAL_ERROR, text[:LONGEST_PROBLEM], summary_of(definition))
        return schedule, None


def compile_schedule(
    stored: Stored, definition: Definition, surroundings: Surroundings, triggers: TriggerCache | None = None
) -> Schedule:
    """Return what to decide on for a resource.

    Args:
        stored: The resource. Its creation anchors intervals, and is the only fire time where there is no trigger.
        definition: What it asks for.
        surroundings: The defaults for unset fields, and what can run here.
        triggers: Those that were built before.

    Raises:
        InvalidSpec: The resource cannot be carried out; the message says what is accepted.
    """
    defaults, when = surroundings.defaults, definition.when
    zone = defaults.time_zone
    if isinstance(when, When) and when.time_zone is not None:
        zone = when.time_zone
    hash_of_when = schedule_hash(definition, zone)
    target = definition.target
    triggers = TriggerCache() if triggers is None else triggers
    trigger = _trigger(stored, when, zone, hash_of_when, triggers, surroundings.second)
    target = target.in_zone(zone)
    executor = target.executor or definition.executor or defaults.executor
    surroundings.check(target, executor)
    second = surroundings.second
    once_at_creation = isinstance(when, When) and when.schedule is None and when.trigger is None
    return Schedule(
        ref=stored.ref,
        generation=stored.generation,
        hash=hash_of_when,
        created=stored.created,
        first_armed=stored.created - 1 if once_at_creation else stored.created,
        trigger=trigger,
        target=target,
        executor=executor,
        suspended=definition.suspended,
        grace_time=_units(_or_default(definition.grace_time, defaults.starting_deadline_seconds), second),
        coalesce=definition.coalesce or defaults.coalesce,
        catch_up_runs=definition.catch_up_runs or DEFAULT_CATCH_UP_RUNS,
        concurrency=definition.concurrency,
        waits_for_room=definition.waits_for_room,
        max_instances=definition.max_instances or defaults.max_instances,
        jitter=definition.jitter * second,
        keep_succeeded=definition.keep_succeeded,
        keep_failed=definition.keep_failed,
        summary=summary_of(definition),
        max_queued=definition.max_queued or MOST_QUEUED,
        max_runs=definition.max_runs,
        retry=_in_units(definition.retry, second),
        time_limit=definition.time_limit,
        pending_timeout=_units(definition.pending_timeout, second),
        admission_timeout=_units(definition.admission_timeout, second),
        ttl=_units(definition.ttl, second),
        request=_token(definition.request),
        requested_later=bool(definition.request) and stored.requested_later,
        restored=stored.restored,
        edited=stored.edited,
    )


def summary_of(definition: Definition) -> str:
    """Return when runs are due, in few words."""
    when = definition.when
    if isinstance(when, When):
        return summary(when)
    text = getattr(when, "summary", "")
    return text if isinstance(text, str) and text else type(when).__name__


def schedule_hash(definition: Definition, zone: str) -> str:
    """Return a short hash of all that decides which instants are fire times. A change of it starts from now.

    The zone is part of it where the definition gives wall times, also where it is the default zone: when that changes,
    wall times change their meaning. Records keep the hash, so its value for a definition never changes either.

    Raises:
        InvalidSchedule: ``spec.schedule`` cannot be read.
    """
    what: dict[str, Any] = {"suspend": definition.suspended}
    if isinstance(definition.when, When):
        what |= {part.name: getattr(definition.when, part.name) for part in fields(When)}
        if reads_wall_time(definition.when):
            what["zone"] = zone
    else:
        what["trigger"] = repr(definition.when)
    if definition.max_runs is not None:
        what["max_runs"] = definition.max_runs
    options = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
    return hashlib.blake2b(orjson.dumps(what, default=_jsonable, option=options), digest_size=8).hexdigest()


def _trigger(
    stored: Stored, when: When | Trigger, zone: str, hash_of_when: str, triggers: TriggerCache, second: int
) -> Trigger:
    if not isinstance(when, When):
        return when
    key = stored.identity or stored.ref.key
    created = stored.created // second
    rule = triggers.get(
        (key, created, zone, hash_of_when),
        lambda: build_trigger(when, created=created, zone=zone, identity=key),
    )
    return rule if second == 1 else Scaled(rule, second)


def _or_default(given: int | None, default: int | None) -> int | None:
    return default if given is None else given


def _units(seconds: int | None, second: int) -> int | None:
    return None if seconds is None else seconds * second


def _in_units(retry: RetryPolicy | None, second: int) -> RetryPolicy | None:
    if retry is None or second == 1:
        return retry
    first, longest = retry.backoff_seconds * second, retry.max_backoff_seconds * second
    return replace(retry, backoff_seconds=first, max_backoff_seconds=longest)


def _token(text: str) -> str:
    """Return a token as it is remembered: unchanged, or, if it is long, as its hash."""
    if len(text) <= LONGEST_TOKEN:
        return text
    return "blake2b:" + hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _jsonable(value: Any) -> Any:
    """Return the fields of a description that are set; unset fields were never part of the hash."""
    if not is_dataclass(value):
        raise TypeError(f"must be a description of when, got {type(value).__name__}")
    found = ((part.name, getattr(value, part.name)) for part in fields(value))
    return {name: item for name, item in found if item is not None}
