"""Whether an installed CRD is that of this release: the API server drops the fields that it does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kalends.model.crd.definition import crd_manifest
from kalends.model.values import VERSION

REMEDY = "`kalends crds | kubectl apply --server-side --force-conflicts -f -` installs that of this release"


@dataclass(frozen=True, slots=True)
class Difference:
    """How an installed CRD differs from that of this release."""

    lacks: tuple[str, ...]
    """Fields of this release that it drops: ``status.counts.queued``."""
    has_besides: tuple[str, ...]
    """Fields that this release does not know."""
    has_status: bool
    """Whether the status can be written by itself."""

    @property
    def problem(self) -> str | None:
        """Return why records cannot be kept with it, or None."""
        if not self.has_status:
            return f"the CRD has no status subresource, so no record can be written; {REMEDY}"
        lost = [path for path in self.lacks if path.startswith("status")]
        if lost:
            return f"the CRD is older than this operator: it drops {_some(lost)}; {REMEDY}"
        return None

    @property
    def warning(self) -> str | None:
        """Return what users lose with it although records are kept, or None."""
        if self.lacks:
            return f"the CRD is older than this operator: it drops {_some(self.lacks)}; {REMEDY}"
        if self.has_besides:
            return f"the CRD is newer than this operator, which ignores {_some(self.has_besides)}"
        return None


def compare_crd(installed: Mapping[str, Any]) -> Difference:
    """Return how an installed CRD differs from that of this release."""
    ours, theirs = _version_of(crd_manifest()), _version_of(installed)
    known, there = set(_fields(_schema_of(ours))), set(_fields(_schema_of(theirs)))
    return Difference(
        tuple(sorted(_outermost(known - there))),
        tuple(sorted(_outermost(there - known))),
        "status" in (theirs.get("subresources") or {}),
    )


def dropped(sent: Any, stored: Any, path: str = "status") -> Iterator[str]:
    """Yield the fields that were sent and are not in what was stored; values are not compared."""
    match sent, stored:
        case dict(), dict():
            for name, value in sent.items():
                if value is None:
                    continue
                if name not in stored:
                    yield f"{path}.{name}"
                else:
                    yield from dropped(value, stored[name], f"{path}.{name}")
        case [dict() as first, *_], [dict() as its_copy, *_]:
            yield from dropped(first, its_copy, path)
        case _:
            return


def _version_of(crd: Mapping[str, Any]) -> Mapping[str, Any]:
    versions = (crd.get("spec") or {}).get("versions") or ()
    return next((one for one in versions if one.get("name") == VERSION), {})


def _schema_of(version: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    return schema


def _fields(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, member in (schema.get("properties") or {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from _fields(member, here)
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _fields(items, path)


def _outermost(paths: set[str]) -> Iterator[str]:
    """Yield the paths of which no beginning is among them."""
    for path in paths:
        parts = path.split(".")
        if not any(".".join(parts[:end]) in paths for end in range(1, len(parts))):
            yield path


def _some(paths: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(paths[:5])
    return shown if len(paths) <= 5 else f"{shown} and {len(paths) - 5} more fields"  # noqa: PLR2004 - enough to know
