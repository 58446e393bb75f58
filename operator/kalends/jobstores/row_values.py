"""Rows of job stores, and how they are read: a damaged value affects its job alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kalends.engine.core.state import Instant
from kalends.triggers.programs.datetimes import LAST_MICROSECOND

UNREADABLE_VERSION = 0
"""In place of a version that cannot be read. No row has it, so that no compare-and-set succeeds."""
FIRST_MICROSECOND: Instant = -62_135_510_400_000_000
"""0001-01-02T00:00:00Z: earlier instants cannot be shown in every zone by ``datetime``."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job as a server keeps it."""

    id: str
    uid: str
    version: int
    """Grows by 1 with each write."""
    next_run_time: Instant | None
    """Microseconds since 1970; None: the job is paused, or has no fire times to come."""
    definition: bytes
    """The job, its generation, and when it was created and edited."""
    record: bytes | None
    """What was decided about the job; None: nothing yet."""
    problem: str = ""
    """What cannot be read; the values above have substitutes then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """A write that replaces a row of a version. None leaves a document as it is."""

    id: str
    uid: str
    version: int
    next_run_time: Instant | None
    definition: bytes | None = None
    record: bytes | None = None


def row_of(  # noqa: PLR0913 - the values of a row
    job_id: str,
    *,
    uid: object,
    version: object,
    next_run_time: object,
    definition: object,
    record: object,
    problem: str = "",
) -> Row:
    """Return a row of the values that a server has. Each value may be damaged: then the row has a problem.

    Args:
        job_id: Its ID.
        uid: A text that is not empty.
        version: An integer.
        next_run_time: An integer, or None.
        definition: Bytes.
        record: Bytes, or None.
        problem: What the store itself has found to be damaged.
    """
    problems = [problem] if problem else []

    def read(parse: Callable[[object], _T], value: object, substitute: _T) -> _T:
        try:
            return parse(value)
        except ValueError as error:
            problems.append(str(error))
            return substitute

    return Row(
        id=job_id,
        # It names the job, as UIDs of different jobs must differ.
        uid=read(_uid, uid, f"unreadable:{job_id}"),
        version=read(_version, version, UNREADABLE_VERSION),
        next_run_time=None if next_run_time is None else read(time_in, next_run_time, None),
        definition=read(_document, definition, b""),
        record=None if record is None else read(_document, record, None),
        problem="; ".join(problems),
    )


def number(text: bytes | str) -> int | bytes | str:
    """Return the integer that a text is, or the text itself, which ``row_of`` does not accept as a number."""
    try:
        return int(text)
    except ValueError:
        return text


def time_in(value: object) -> Instant:
    """Return a next run time.

    Raises:
        ValueError: It is none.
    """
    found = _integer(value)
    if found is None or not FIRST_MICROSECOND <= found <= LAST_MICROSECOND:
        raise ValueError(f"the next run time must be microseconds from the year 1 to 9999, got {_shown(value)}")
    return found


def known_version(uid: object, version: object, job_id: str) -> tuple[str, int]:
    """Return the UID and the version of a row as ``row_of`` reads them."""
    row = row_of(job_id, uid=uid, version=version, next_run_time=None, definition=b"", record=None)
    return row.uid, row.version


def _uid(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"the UID must be a text that is not empty, got {_shown(value)}")
    return value


def _version(value: object) -> int:
    found = _integer(value)
    if found is None:
        raise ValueError(f"the version must be an integer, got {_shown(value)}")
    return found


def _document(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise ValueError(f"the definition and the record must be bytes, got {_shown(value)}")


def _integer(value: object) -> int | None:
    """Return an integer, also if it is a float, as some servers keep all numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value)


def _shown(value: object) -> str:
    return ascii(value)[:50]
