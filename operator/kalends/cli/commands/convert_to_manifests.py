"""Jobs of APScheduler 3 as ScheduledJobs of the operator: ``kalends convert apscheduler --output yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click
from pydantic.alias_generators import to_camel

from kalends.cli.manifests.written import manifest_text
from kalends.cli.printing import one_line
from kalends.job import Job
from kalends.jobstores.base import TransientJobError
from kalends.jobstores.kubernetes.notes import object_name
from kalends.jobstores.kubernetes.objects import spec_of
from kalends.library.foreign.jobs import FoundJob
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.values import API_VERSION, KIND, Coalesce

_FIELDS = [to_camel(name) for name in ScheduledJobSpec.model_fields]
"""The fields of a spec in the order of the reference."""
_JSON = "must be JSON: text, a number, a boolean, None, a list, or a dictionary with text as keys"


def print_manifests(jobs: Iterable[FoundJob], now: datetime) -> int:
    """Print a ScheduledJob for each job, and on standard error why a job is refused; return the number of refusals."""
    refused = 0
    ids: dict[str, str] = {}
    for found in jobs:
        try:
            text = _document(found, now, ids)
        except TransientJobError as error:
            refused += 1
            click.echo(one_line(f"{found.id}: refused: {error.why}"), err=True)
        else:
            click.echo(text, nl=False)
    return refused


def _document(found: FoundJob, now: datetime, ids: dict[str, str]) -> str:
    """Return the YAML document of a job.

    Args:
        found: The job.
        now: The current time.
        ids: The ID of the job of each name that is taken, to which this one is added.

    Raises:
        TransientJobError: No ScheduledJob of the operator can say it.
    """
    if found.job is None:
        raise TransientJobError(found.id, found.problem)
    try:
        manifest = manifest_of(found.job, now)
    except TransientJobError:
        raise
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # What a pickle has may be damaged, such as a UUID without its number.
        raise TransientJobError(found.id, f"{type(error).__name__}: {error}") from error
    name = manifest["metadata"]["name"]
    if ids.setdefault(name, found.id) != found.id:
        raise TransientJobError(found.id, f"the ScheduledJob {name!r} must be of one job, and is that of {ids[name]!r}")
    return f"---\n{one_line(f'# The job {found.id!r} of APScheduler: {found.job.trigger}')}\n{manifest_text(manifest)}"


def manifest_of(job: Job, now: datetime) -> dict[str, Any]:
    """Return the ScheduledJob with which the operator runs the callable of a job as a task.

    Raises:
        TransientJobError: A ScheduledJob cannot say it, or an argument is not JSON.
    """
    spec = spec_of(job, now, None)
    task = spec["task"]
    problem = next(_problems(task), None)
    if problem is not None:
        raise TransientJobError(job.id, problem)
    # The default name of a registered task.
    task["name"] = task["name"].replace(":", ".")
    # What the operator's settings may decide otherwise is written out.
    spec = {"coalesce": Coalesce.LATEST.value, "maxInstances": job.max_instances, **spec}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": object_name(job.id)},
        "spec": {name: spec[name] for name in sorted(spec, key=_FIELDS.index)},
    }


def _problems(task: Mapping[str, Any]) -> Iterator[str]:
    for number, value in enumerate(task.get("args", ())):
        yield from _tagged(value, f"args[{number}]")
    for key, value in task.get("kwargs", {}).items():
        yield from _tagged(value, f"kwargs[{key!r}]")


def _tagged(value: Any, place: str) -> Iterator[str]:
    """Yield a message for each value that is written with a tag, as job stores have it: a task would get the tag."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _tagged(item, f"{place}[{number}]")
    elif isinstance(value, dict):
        tag = next((key for key in value if key.startswith("$")), None)
        if tag is not None:
            yield f"{place} {_JSON}; got {tag.removeprefix('$')}"
            return
        for key, item in value.items():
            yield from _tagged(item, f"{place}[{key!r}]")
