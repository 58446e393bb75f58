"""The nodes of a job in ZooKeeper: its definition, and beside it what is written most often."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.engine.core.state import Instant
from kalends.jobstores.common.parts import id_of, name_of
from kalends.jobstores.row_values import Row, RowChange, number, row_of, time_in
from kalends.jobstores.zookeeper.requests import Node

NO_EDITION = -1
UNREADABLE = "?"
"""In place of a name or a UID that cannot be read. ``name_of`` returns it for no ID."""
_LINES = ("its name", "an edition", "a time", "the record")


@dataclass(frozen=True, slots=True)
class JobNode:
    """A node with a definition."""

    name: str
    uid: str
    definition: bytes
    edition: int
    """How often the node was written."""


@dataclass(frozen=True, slots=True)
class StateNode:
    """A node with what is written most often: the next run time and the record."""

    name: str
    edition: int
    """The edition of the definition that belongs to it."""
    next_run_time: Instant | None
    record: bytes | None
    version: int
    problem: str = ""
    """What is damaged."""

    @property
    def data(self) -> bytes:
        """The content of the node."""
        time = "" if self.next_run_time is None else self.next_run_time
        return f"{self.name}\n{self.edition}\n{time}\n".encode() + (self.record or b"")


def job_in(name: str, node: Node) -> JobNode:
    """Return the definition that a node has."""
    uid, _, definition = node.data.partition(b"\n")
    return JobNode(name, _text(uid), definition, node.version)


def state_in(node: Node) -> StateNode:
    """Return the next run time and the record that a node has."""
    parts = node.data.split(b"\n", 3)
    name, edition, time, record = [*parts, b"", b"", b"", b""][:4]
    problem, next_run_time = "", None
    try:
        next_run_time = time_in(number(time)) if time else None
    except ValueError as error:
        problem = str(error)
    found = number(edition)
    if len(parts) < len(_LINES) or not isinstance(found, int):
        problem = f"the node of its state must have lines with {', '.join(_LINES)}"
    edition_or_none = found if isinstance(found, int) else NO_EDITION
    return StateNode(_text(name), edition_or_none, next_run_time, record or None, node.version + 1, problem)


def is_of(state: StateNode, change: RowChange) -> bool:
    """Return whether a change may replace a state: it has the version, and names the job and its definition."""
    is_whole = state.edition != NO_EDITION and state.name == name_of(change.id)
    return is_whole and state.version == change.version


def row_in(job: JobNode, uid: str, state: StateNode, definition: bytes, problem: str) -> Row:
    """Return the row that nodes are."""
    return row_of(
        id_of(job.name),
        uid=uid,
        version=state.version,
        next_run_time=state.next_run_time,
        definition=definition,
        record=state.record,
        problem=problem,
    )


def _text(data: bytes) -> str:
    """Return text that names a node: what is damaged names a node that does not exist, but could."""
    text = data.decode(errors="replace")
    is_name = text.isascii() and text.isprintable() and "/" not in text and text not in {"", ".", ".."}
    return text if is_name else UNREADABLE
