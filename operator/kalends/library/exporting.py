"""Jobs as a JSON file, to move them between job stores."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from kalends.job import Job
from kalends.jobstores.serialization import job_from_json, job_to_json

VERSION = 1


def print_groups(out: IO[str], groups: Mapping[str, Sequence[Job]]) -> None:
    """Print jobs under their titles."""
    for title, jobs in groups.items():
        out.write(f"{title}:\n")
        out.writelines([f"    {job}\n" for job in jobs] or ["    No scheduled jobs\n"])


def write_jobs(outfile: IO[str] | str, jobs: Iterable[Job]) -> None:
    """Write jobs to a text file, or to the file of a path.

    Raises:
        TransientJobError: One of them has no JSON form; then nothing is written.
    """
    from kalends import __version__

    content = {"version": VERSION, "scheduler_version": __version__, "jobs": [job_to_json(job) for job in jobs]}
    text = json.dumps(content, indent=2)
    with _opened(outfile, "w") as file:
        file.write(text)


def read_jobs(infile: IO[str] | str) -> list[Job]:
    """Return the jobs of a text file, or of the file of a path.

    Raises:
        ValueError: It was not written by ``export_jobs``, or by another version of it.
    """
    with _opened(infile, "r") as file:
        content: Any = json.load(file)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("it must be a file that export_jobs wrote, of version 1")
    return [job_from_json(state) for state in content.get("jobs", [])]


def read_foreign_jobs(infile: IO[str] | str, allow: Collection[str]) -> list[Job]:
    """Return the jobs of a file that APScheduler's ``export_jobs`` wrote.

    Raises:
        ValueError: One of them cannot be read; the message says which, and why.
    """
    from kalends.library.foreign.jobs import jobs_in_file

    found: list[Job] = []
    for one in jobs_in_file(infile, allow):
        if one.job is None:
            raise ValueError(f"the job {one.id!r} cannot be read: {one.problem}")
        found.append(one.job)
    return found


@contextmanager
def _opened(file: IO[str] | str, mode: str) -> Iterator[IO[str]]:
    if hasattr(file, "write" if mode == "w" else "read"):
        yield file  # type: ignore[misc]  # it has what is used of a file
    else:
        with Path(str(file)).open(mode, encoding="utf-8") as opened:
            yield opened
