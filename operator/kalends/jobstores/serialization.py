"""Jobs and their records as JSON: what job stores keep, and what ``export_jobs`` writes.

A job names its callable by reference, its trigger as ``kalends.triggers.programs.stored`` writes it, and its arguments
as ``kalends.jobstores.json_values`` writes them. Nothing is pickled.

A store must be trusted nonetheless. A program that reads a job imports the modules that the job names, and calls the
callable that it names with the arguments that it has: write access to the store is the permission to call any function
that can be imported. Unlike a pickle, a document that is only read runs no code but that of imported modules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from kalends.engine.core.state import State
from kalends.job import Job
from kalends.jobstores.base import TransientJobError
from kalends.jobstores.json_values import NoJsonForm, decode, encode
from kalends.triggers.programs.datetimes import datetime_from, datetime_text
from kalends.triggers.programs.exclusions import exclusions_from, exclusions_state
from kalends.triggers.programs.stored import state_of, trigger_of

JOB_VERSION = 2
"""Of jobs with ``exclude`` or ``daylight_saving``. Others have version 1, which earlier versions of Kalends read."""
RECORD_VERSION = 1
_OF_TRIGGERS = frozenset({"trigger", "exclude"})
_TIMES = frozenset({"next_run_time", "first"})
"""Fields that are moments. ``first`` is there only if it is not ``next_run_time``."""


def job_to_json(job: Job) -> dict[str, Any]:
    """Return a job as JSON values.

    Raises:
        TransientJobError: No reference leads to its callable, or a part of it has no JSON form; the message names the
            place, such as ``kwargs['client'][3]``.
    """
    try:
        state = dict(job.__getstate__())
    except ValueError as error:
        raise TransientJobError(job.id, str(error)) from error
    changed = {"exclude", "daylight_saving"} & state.keys()
    found: dict[str, Any] = {"version": JOB_VERSION if changed else 1, "id": state.pop("id"), "func": state.pop("func")}
    del state["version"]
    place = "trigger"
    try:
        found["trigger"] = state_of(state.pop("trigger"))
        if "exclude" in state:
            place = "exclude"
            found["exclude"] = exclusions_state(state.pop("exclude"))
        for place in sorted(_TIMES & state.keys()):
            moment: datetime | None = state.pop(place)
            found[place] = None if moment is None else datetime_text(moment)
    except TypeError as error:
        raise TransientJobError(job.id, f"{place}: {error}") from error
    try:
        found["args"] = [encode(value, f"args[{number}]") for number, value in enumerate(state.pop("args"))]
        found["kwargs"] = {key: encode(value, f"kwargs[{key!r}]") for key, value in state.pop("kwargs").items()}
        found |= {key: encode(value, key) for key, value in state.items()}
    except NoJsonForm as error:
        raise TransientJobError(job.id, str(error)) from error
    return found


def job_from_json(document: Mapping[str, Any]) -> Job:
    """Return the job that ``job_to_json`` wrote.

    Raises:
        ValueError: It was not written by it, or by a later version of Kalends.
        LookupError: The callable, or a class that it names, cannot be imported.
    """
    if _is_of_apscheduler(document):
        raise ValueError(
            "APScheduler's export_jobs wrote the job, with pickles in its trigger and its times, which are read "
            "only by choice: import_jobs(..., pickles=True), or kalends convert apscheduler"
        )
    _check_version(document, JOB_VERSION, "job")
    try:
        state = {key: decode(value) for key, value in document.items() if key not in _OF_TRIGGERS | _TIMES}
        state["trigger"] = trigger_of(document["trigger"])
        if "exclude" in document:
            state["exclude"] = exclusions_from(document["exclude"])
        for key in _TIMES & document.keys():
            state[key] = None if document[key] is None else datetime_from(document[key])
        state["version"] = 1  # of the state that a job takes
        job = Job.__new__(Job)
        job.__setstate__(state)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the job cannot be read: {type(error).__name__}: {error}") from error
    return job


def _is_of_apscheduler(document: Mapping[str, Any]) -> bool:
    trigger = document.get("trigger")
    return isinstance(trigger, Mapping) and any(str(key).startswith("__apscheduler_") for key in trigger)


_RECORD: TypeAdapter[State] = TypeAdapter(State)
MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From the record of a version to that of the next version."""


def record_to_json(record: State) -> bytes:
    """Return a record as JSON text. Fields that have their default are left out.

    A message of an exception may have lone surrogates, which UTF-8 lacks: they become question marks.
    """
    try:
        fields = _RECORD.dump_json(record, exclude_defaults=True)
    except PydanticSerializationError:
        values = _RECORD.dump_python(record, mode="json", exclude_defaults=True)
        fields = json.dumps(values, ensure_ascii=False).encode(errors="replace")
    return b'{"version":%d,"record":%b}' % (RECORD_VERSION, fields)


def record_from_json(text: bytes) -> State:
    """Return the record that this version of Kalends, or an earlier one, wrote.

    Raises:
        ValueError: It is none, or was written by a later version.
    """
    return _record_of(text, RECORD_VERSION, MIGRATIONS)


def _record_of(text: bytes, newest: int, migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]) -> State:
    document = orjson.loads(text)
    if not isinstance(document, dict):
        raise ValueError("the record must be a JSON object")  # noqa: TRY004 - the text is wrong, not a type
    version = _check_version(document, newest, "record")
    fields = document.get("record")
    for step in range(version, newest):
        fields = migrations[step](fields)  # type: ignore[arg-type]  # checked by the version
    try:
        return _RECORD.validate_python(fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"the record cannot be read: {place}: {problem['msg']}") from error


def _check_version(document: Mapping[str, Any], newest: int, what: str) -> int:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"the {what} must have a version from 1 to {newest}, got {version!r}")
    if version > newest:
        raise ValueError(f"the {what} has version {version}, and this version of Kalends reads {newest} at most")
    return version
