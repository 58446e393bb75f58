"""``kalends convert apscheduler``: the jobs of APScheduler 3 in a job store of Kalends."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

import click

from kalends.cli.commands.convert_to_manifests import print_manifests
from kalends.cli.printing import show
from kalends.job import Job
from kalends.jobstores.base import ConflictingIdError, RecordingJobStore, TransientJobError
from kalends.jobstores.serialization import job_to_json
from kalends.library.foreign.jobs import FoundJob, jobs_in_file, jobs_in_place
from kalends.library.foreign.sources import store_at
from kalends.schedulers.background import BackgroundScheduler


def convert_jobs(
    source: str, *, to: str | None, name: str | None, allow: Collection[str], manifests_at: datetime | None = None
) -> int:
    """Print a line for each job of a source, and with ``to`` write it; return the exit code.

    Only jobs that are written are checked for their callables: without ``to`` no module of theirs is imported.

    Args:
        source: A URL, or the path of a file.
        to: The URL of a job store. None: nothing is written.
        name: The table, key or collection of the source. None: APScheduler's default.
        allow: Further classes that the pickles may name.
        manifests_at: The current time, if ScheduledJobs are printed instead of lines.

    Raises:
        click.ClickException: The source or the store cannot be used.
    """
    sys.path.insert(0, str(Path.cwd()))  # the modules of the program, as python -m has it
    store = None if to is None else store_at(to)
    try:
        if store is not None:
            store.start(BackgroundScheduler(), "default")
        jobs = _jobs(source, name, allow, import_callables=store is not None)
        if manifests_at is not None:
            problems = print_manifests(jobs, manifests_at)
        else:
            problems = sum(not _converted(found, store) for found in jobs)
    except (ValueError, LookupError, OSError, ImportError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from error
    except Exception as error:  # of a client library
        raise click.ClickException(f"{source} cannot be converted: {type(error).__name__}: {error}") from error
    finally:
        if store is not None:
            store.shutdown()
    return 1 if problems else 0


def _jobs(source: str, name: str | None, allow: Collection[str], *, import_callables: bool) -> Iterator[FoundJob]:
    if "://" in source:
        return jobs_in_place(source, name, allow, import_callables=import_callables)
    return jobs_in_file(source, allow, import_callables=import_callables)


def _converted(found: FoundJob, store: RecordingJobStore | None) -> bool:
    """Print the result for a job; return whether it is, or would be, in the store."""
    if found.job is None:
        show(f"{found.id}: refused: {found.problem}")
        return False
    try:
        job_to_json(found.job)
        if store is not None:
            store.add_job(found.job)
    except (TransientJobError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # What a pickle has may be damaged, such as a UUID without its number.
        show(f"{found.id}: refused: {error}")
        return False
    except ConflictingIdError:
        show(f"{found.id}: refused: the store has another job of this ID, which stays as it is")
        return False
    show(f"{found.id}: {'would be written' if store is None else 'written'}: {_described(found.job)}")
    return True


def _described(job: Job) -> str:
    upcoming = "paused" if job.next_run_time is None else f"next run at {job.next_run_time.isoformat()}"
    return f"{job.func_ref} {job.trigger}, {upcoming}"
