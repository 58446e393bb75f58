"""Manifests from files: read as kubectl reads them, each on its own, so that one that is wrong harms only itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kalends.engine.schedule import Defaults, Schedule, Target, compile_schedule
from kalends.errors import InvalidSpec, KalendsError
from kalends.model import KIND, ScheduledJob, check_manifest, parse_instant

Json = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """YAML without dates: to kubectl, ``at: 2027-01-01T00:00:00`` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class UnreadableFile(KalendsError):
    """A file that is not there, or is no YAML."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One ScheduledJob of a file."""

    source: str
    name: str
    obj: Json
    problems: tuple[str, ...]
    """What is wrong with it, each with the field's path."""


def read_manifests(files: Iterable[Path]) -> Iterator[Manifest]:
    """Yield the ScheduledJobs of all files; folders stand for the YAML and JSON files in them.

    Raises:
        UnreadableFile: A file cannot be read, or has no ScheduledJob in it.
    """
    for file in _expanded(files):
        found = False
        for position, document in enumerate(_documents(file)):
            for obj in _items(document):
                if isinstance(obj, dict) and obj.get("kind") not in {KIND, None}:
                    continue
                found = True
                yield _manifest(f"{file}", position, obj)
        if not found:
            raise UnreadableFile(f"{file}: must hold a {KIND}; there is none")


def _expanded(files: Iterable[Path]) -> Iterator[Path]:
    for file in files:
        if file.is_dir():
            yield from sorted(one for one in file.rglob("*") if one.suffix in {".yaml", ".yml", ".json"})
        else:
            yield file


def _documents(file: Path) -> list[Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return [one for one in yaml.load_all(text, _Loader) if one is not None]
    except OSError as error:
        raise UnreadableFile(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(f"{file}: must be YAML or JSON: {' '.join(str(error).split())}") from error


def _items(document: Any) -> list[Any]:
    if isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        return list(document["items"])
    return [document]


def _manifest(source: str, position: int, obj: Any) -> Manifest:
    problems = tuple(f"{one.path}: {one.message}" if one.path else one.message for one in check_manifest(obj))
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return Manifest(source, str(name or f"document {position + 1}"), obj if isinstance(obj, dict) else {}, problems)


def accept_any(target: Target, executor: str) -> None:
    """Check nothing about what runs: that is for whoever will run it to say."""
    del target, executor


def schedule_of(manifest: Manifest, *, created: int, zone: str) -> Schedule:
    """Return the schedule of a manifest that was never applied, as if it were created at ``created``.

    Raises:
        InvalidSpec: It cannot be carried out.
    """
    if manifest.problems:
        raise InvalidSpec("; ".join(manifest.problems), path=manifest.name)
    metadata: Mapping[str, Any] = manifest.obj["metadata"]
    said = metadata.get("creationTimestamp")
    born = parse_instant(said) if isinstance(said, str) else created
    obj = {**manifest.obj, "metadata": {"uid": "", **metadata}}
    return compile_schedule(
        ScheduledJob.read(obj), created=born, edited=None, defaults=Defaults(time_zone=zone), check=accept_any
    )
