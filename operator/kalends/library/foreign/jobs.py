"""Jobs of APScheduler 3, from its tables and collections and from files that its ``export_jobs`` wrote."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kalends.job import Job
from kalends.library.foreign.pickles import admitted, foreign_object, unpickled
from kalends.library.foreign.sources import rows_of
from kalends.library.foreign.triggers import trigger_from


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job of APScheduler."""

    id: str
    job: Job | None
    """None: it cannot be converted, ``problem`` says why."""
    problem: str = ""


def job_from(state: Any) -> Job:
    """Return the job of a state that APScheduler's ``Job.__getstate__`` gave.

    Raises:
        ValueError: It is no such state, or Kalends refuses a part of it.
        LookupError, ImportError: The callable cannot be imported.
    """
    if not isinstance(state, Mapping) or state.get("version") != 1:
        raise ValueError("the state of the job must be of APScheduler 3, version 1")
    try:
        given = {**state, "trigger": trigger_from(state["trigger"]), "args": tuple(state["args"])}
        job = Job.__new__(Job)
        job.__setstate__(given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state of the job cannot be read: {type(error).__name__}: {error}") from error
    return job


def jobs_in_place(address: str, name: str | None, allow: Collection[str]) -> Iterator[FoundJob]:
    """Yield the jobs of a table, a hash or a collection of APScheduler.

    Args:
        address: Its URL.
        name: The table, the key of the hash, or ``database.collection``. None: APScheduler's default.
        allow: Further classes that the pickles may name.
    """
    names = admitted(allow)
    for job_id, data in rows_of(address, name):
        yield _found(job_id, lambda data=data: unpickled(data, names))


def jobs_in_file(infile: IO[str] | str, allow: Collection[str] = ()) -> Iterator[FoundJob]:
    """Yield the jobs of a file that APScheduler's ``export_jobs`` wrote.

    Raises:
        ValueError: It is no such file, or names a class that is not admitted.
    """

    def hook(found: dict[str, Any]) -> Any:
        if "__apscheduler_pickle__" in found:
            return unpickled(b64decode(found["__apscheduler_pickle__"]), allow)
        if "__apscheduler_class__" in found:
            return foreign_object(found["__apscheduler_class__"], found.get("__apscheduler_state__"))
        return found

    text = Path(infile).read_text(encoding="utf-8") if isinstance(infile, str) else infile.read()
    content = json.loads(text, object_hook=hook)
    if not isinstance(content, dict) or content.get("version") != 1:
        raise ValueError("it must be a file that export_jobs of APScheduler wrote, of version 1")
    for state in content.get("jobs", []):
        yield _found(str(state.get("id")), lambda state=state: state)


def _found(job_id: str, read: Any) -> FoundJob:
    try:
        return FoundJob(job_id, job_from(read()))
    except Exception as error:  # noqa: BLE001 - modules of the program are imported, and may raise anything
        return FoundJob(job_id, None, f"{type(error).__name__}: {error}")
