"""Reads manifests from files as kubectl does, each separately, so that an invalid manifest affects no other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kalends.cli.manifests.documents import Document, Json, documents
from kalends.conversion.v1alpha1 import to_definition
from kalends.engine.core.compiler import Surroundings, compile_schedule
from kalends.engine.core.definition import Definition, Stored
from kalends.engine.core.schedule import Defaults, Schedule
from kalends.engine.core.state import Ref
from kalends.errors import InvalidManifest, InvalidSchedule, InvalidSpec
from kalends.model import API_VERSION, KIND, Problem, ScheduledJob, check_manifest
from kalends.triggers.cron.five_fields import SCHEDULE, parse_schedule

SUFFIXES = (".yaml", ".yml", ".json")
LISTS = ("List", f"{KIND}List")
_GROUP = API_VERSION.partition("/")[0]
_NONE_THERE = f"must hold a {KIND}; there is none"
_CRONJOB = "CronJob"
_ONLY_CRONJOBS = (
    f"must hold a {KIND}; there is a {_CRONJOB}, which becomes one with the lines `apiVersion: {API_VERSION}` and "
    f"`kind: {KIND}`"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One ScheduledJob of a file."""

    source: str
    """The file; empty for what was typed as an argument."""
    name: str
    obj: Json
    problems: tuple[str, ...] = ()
    """What is wrong with it, each with the field's path."""

    @property
    def label(self) -> str:
        """What a line about it begins with."""
        return self.name if self.source in {"", self.name} else f"{self.source}: {self.name}"


def read_manifests(files: Iterable[Path]) -> Iterator[Manifest]:
    """Yield the ScheduledJobs of all files; folders stand for the YAML and JSON files in them.

    What cannot be read is yielded too, as a manifest with a problem. Other kinds are passed over, and in folders also
    files that are no Kubernetes manifests at all, such as settings.
    """
    for file in files:
        others: set[str] = set()
        if file.is_dir():
            inside = sorted(path for path in file.rglob("*") if path.suffix in SUFFIXES and path.is_file())
            found = [manifest for path in inside for manifest in _read(path, others, in_folder=True)]
        else:
            found = list(_read(file, others, in_folder=False))
        yield from found or [
            Manifest(f"{file}", f"{file}", {}, (_ONLY_CRONJOBS if _CRONJOB in others else _NONE_THERE,))
        ]


def named(what: Iterable[str]) -> Iterator[Manifest]:
    """Yield the manifests of arguments that are files, folders, ``-`` or cron expressions."""
    for text in what:
        if text == "-" or text.endswith(SUFFIXES) or (" " not in text and os.path.exists(text)):  # noqa: PTH110 - Path.exists raises for what is too long to be a path
            yield from read_manifests([Path(text)])
        else:
            spec = {"schedule": text, "task": {"name": "none"}}
            yield Manifest("", text, {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "x"}, "spec": spec})


def _read(file: Path, others: set[str], *, in_folder: bool) -> Iterator[Manifest]:
    """Yield the ScheduledJobs of a file; kinds that are passed over are added to ``others``."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        yield Manifest(f"{file}", f"{file}", {}, (f"cannot be read: {error.strerror}",))
        return
    except UnicodeDecodeError as error:
        yield Manifest(f"{file}", f"{file}", {}, (f"must be text in UTF-8: {error.reason} at byte {error.start}",))
        return
    for position, document in enumerate(documents(text), start=1):
        if document.problem is not None:
            yield Manifest(f"{file}", f"document {position}", {}, (document.problem,))
            continue
        for obj in _items(document):
            if _is_meant_for_us(obj, in_folder=in_folder):
                yield _manifest(f"{file}", f"document {position}", obj)
            elif isinstance(obj, dict):
                others.add(str(obj.get("kind")))


def _items(document: Document) -> list[Any]:
    obj = document.value
    if isinstance(obj, dict) and obj.get("kind") in LISTS and isinstance(obj.get("items"), list):
        return list(obj["items"])
    return [obj]


def _is_meant_for_us(obj: Any, *, in_folder: bool) -> bool:
    if not isinstance(obj, dict):
        return not in_folder
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if kind is None and version is None and in_folder:
        return False
    return kind in {KIND, None} or str(version).startswith(f"{_GROUP}/")


def _manifest(source: str, position: str, obj: Any) -> Manifest:
    problems = tuple(_in_words(problem, obj) for problem in check_manifest(obj))
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    name = (metadata.get("name") or metadata.get("generateName")) if isinstance(metadata, dict) else None
    return Manifest(source, str(name or position), obj if isinstance(obj, dict) else {}, problems)


def _in_words(problem: Problem, obj: Any) -> str:
    """Return a problem as a line. Of a schedule that has the wrong form, its parser says more than the schema."""
    message = problem.message
    if problem.path == SCHEDULE and isinstance(obj["spec"].get("schedule"), str):
        try:
            parse_schedule(obj["spec"]["schedule"])
        except InvalidSchedule as error:
            message = error.message
    return f"{problem.path}: {message}" if problem.path else message


def job_of(manifest: Manifest) -> ScheduledJob:
    """Return the resource that a manifest describes.

    Raises:
        InvalidManifest: There is something wrong with it.
    """
    if manifest.problems:
        raise InvalidManifest(manifest.problems)
    metadata: Mapping[str, Any] = manifest.obj["metadata"]
    named = {"name": metadata.get("generateName")} if metadata.get("name") is None else {}
    try:
        return ScheduledJob.read({**manifest.obj, "metadata": {**metadata, **named}})
    except InvalidSpec as error:
        raise InvalidManifest([" ".join(str(error).split())]) from error


def definition_of(manifest: Manifest) -> Definition:
    """Return what a manifest asks for.

    Raises:
        InvalidManifest: There is something wrong with it.
    """
    return _definition(job_of(manifest))


def _definition(job: ScheduledJob) -> Definition:
    try:
        return to_definition(job.spec, labels=job.metadata.labels, annotations=job.metadata.annotations)
    except InvalidSpec as error:
        raise InvalidManifest([" ".join(str(error).split())]) from error


def schedule_of(manifest: Manifest, *, created: int, zone: str) -> Schedule:
    """Return the schedule of a manifest that was never applied, as if it were created at ``created``.

    Raises:
        InvalidManifest: It cannot be carried out.
    """
    job = job_of(manifest)
    meta, definition = job.metadata, _definition(job)
    born = meta.creation_timestamp
    stored = Stored(
        ref=Ref(meta.namespace or "default", meta.name, meta.uid),
        version=meta.resource_version,
        generation=meta.generation,
        created=created if born is None else born,
        definition=definition,
    )
    try:
        return compile_schedule(stored, definition, Surroundings(Defaults(time_zone=zone)))
    except InvalidSpec as error:
        raise InvalidManifest([" ".join(str(error).split())]) from error


def zone_of(manifest: Manifest, default: str) -> str:
    """Return the name of the zone that a manifest says, even where nothing else in it can be read."""
    spec: Any = manifest.obj.get("spec")
    said = spec.get("timeZone") if isinstance(spec, dict) else None
    return said if isinstance(said, str) else default
