"""Jobs of APScheduler 3, from its tables and collections and from files that its ``export_jobs`` wrote."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from kalends.job import Job
from kalends.job_fields import ACCEPT
from kalends.library.foreign.pickle_size import MOST_LEVELS, SizeLimit
from kalends.library.foreign.pickles import admitted, foreign_object, unpickled
from kalends.library.foreign.sources import rows_of
from kalends.library.foreign.triggers import fire_time_of, trigger_from

_CHECKED = ("name", "executor", "misfire_grace_time", "coalesce", "max_instances")
_LONGEST_PROBLEM = 1000
"""Characters of a message, which may quote what a pickle has."""


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job of APScheduler."""

    id: str
    job: Job | None
    """None: it cannot be converted, ``problem`` says why."""
    problem: str = ""


def not_imported(*_args: Any, **_kwargs: Any) -> None:
    """Stand in for the callable of a job whose module was not imported.

    Raises:
        LookupError: Always.
    """
    raise LookupError("the callable of the job was not imported")


_NOT_IMPORTED = f"{__name__}:{not_imported.__name__}"


def job_from(state: Any, job_id: str, *, import_callable: bool = True) -> Job:
    """Return the job of a state that APScheduler's ``Job.__getstate__`` gave.

    Args:
        state: The state.
        job_id: The ID of the job in its place.
        import_callable: Whether the callable is imported. If it is not, the job can be written, and not be run.

    Raises:
        ValueError: It is no such state, or Kalends refuses a part of it.
        LookupError, ImportError: The callable cannot be imported.
    """
    if not isinstance(state, Mapping) or state.get("version") != 1:
        raise ValueError("the state of the job must be of APScheduler 3, version 1")
    if state.get("id") != job_id:
        raise ValueError(f"the state must be that of the job {job_id!r}")
    try:
        given = {name: ACCEPT[name](name, state[name]) for name in _CHECKED}
        for name in ("id", "func"):
            given[name] = _of_type(str, name, state[name])
        given["args"] = tuple(_of_type((list, tuple), "args", state["args"]))
        given["kwargs"] = _of_type(Mapping, "kwargs", state["kwargs"])
        if not all(type(key) is str for key in given["kwargs"]):
            raise ValueError("the names of kwargs must be text")
        given["trigger"] = trigger_from(state["trigger"])
        given["next_run_time"] = fire_time_of(given["trigger"], _moment(state["next_run_time"]))
        return _made(given, import_callable=import_callable)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state of the job cannot be read: {type(error).__name__}: {error}") from error


def _made(given: dict[str, Any], *, import_callable: bool) -> Job:
    reference: str = given["func"]
    job = Job.__new__(Job)
    if import_callable:
        job.__setstate__(given)
        return job
    module, _, name = reference.partition(":")
    if not module or not name:
        raise ValueError(f"func must have the form 'package.module:name', got {reference!r}")
    job.__setstate__({**given, "func": _NOT_IMPORTED})
    job.func_ref = reference
    return job


def _of_type(kinds: type | tuple[type, ...], name: str, value: Any) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"{name} cannot be {type(value).__name__}")
    return value


def _moment(value: Any) -> datetime | None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise TypeError(f"next_run_time must be a datetime with a time zone, or None, got {type(value).__name__}")
    return value


def jobs_in_place(
    address: str, name: str | None, allow: Collection[str], *, import_callables: bool = True
) -> Iterator[FoundJob]:
    """Yield the jobs of a table, a hash, a collection or a path of APScheduler.

    Args:
        address: Its URL.
        name: The table, the key of the hash, ``database.collection``, or the path. None: APScheduler's default.
        allow: Further classes that the pickles may name.
        import_callables: Whether the callables of the jobs are imported.
    """
    names = admitted(allow)
    for job_id, data in rows_of(address, name):

        def read(data: object = data) -> Any:
            if not isinstance(data, bytes):
                raise TypeError(f"the state of the job must be bytes, got {type(data).__name__}")
            found = unpickled(data, names)
            # In etcd and ZooKeeper, the pickle has the time of the next run beside the state.
            return found["job_state"] if isinstance(found, Mapping) and "job_state" in found else found

        yield _found(job_id, read, import_callable=import_callables)


def jobs_in_file(
    infile: IO[str] | str, allow: Collection[str] = (), *, import_callables: bool = True
) -> Iterator[FoundJob]:
    """Yield the jobs of a file that APScheduler's ``export_jobs`` wrote.

    Args:
        infile: A text file, or the path of a file.
        allow: Further classes that the pickles may name.
        import_callables: Whether the callables of the jobs are imported.

    Raises:
        ValueError: It is no such file.
    """
    names = admitted(allow)
    text = Path(infile).read_text(encoding="utf-8") if isinstance(infile, str) else infile.read()
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("version") != 1 or not isinstance(content.get("jobs", []), list):
        raise ValueError("it must be a file that export_jobs of APScheduler wrote, of version 1")
    for number, state in enumerate(content.get("jobs", [])):
        job_id = state.get("id") if isinstance(state, dict) else None

        def read(state: object = state) -> Any:
            return _restored(state, names, SizeLimit())

        yield _found(job_id if isinstance(job_id, str) else f"jobs[{number}]", read, import_callable=import_callables)


def _restored(value: Any, names: Collection[str], limit: SizeLimit, levels: int = 0) -> Any:
    """Return a JSON value of a file in which the pickles and the objects of APScheduler are read."""
    if levels > MOST_LEVELS:
        raise ValueError(f"values must be nested at most {MOST_LEVELS} levels deep")
    if isinstance(value, list):
        return [_restored(item, names, limit, levels + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "__apscheduler_pickle__" in value:
        return unpickled(b64decode(value["__apscheduler_pickle__"]), names, limit)
    found = {key: _restored(item, names, limit, levels + 1) for key, item in value.items()}
    if "__apscheduler_class__" in found:
        return foreign_object(found["__apscheduler_class__"], found.get("__apscheduler_state__"))
    return found


def _found(job_id: str, read: Callable[[], Any], *, import_callable: bool) -> FoundJob:
    try:
        job = job_from(read(), job_id, import_callable=import_callable)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - modules of the program are imported, and may raise anything
        problem = f"{type(error).__name__}: {error}"
        if len(problem) > _LONGEST_PROBLEM:
            problem = f"{problem[:_LONGEST_PROBLEM]}… ({len(problem)} characters)"
        return FoundJob(job_id, None, problem)
    return FoundJob(job_id, job)
