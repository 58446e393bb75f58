"""The nodes of a job in ZooKeeper: its definition, and beside it what is written most often."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.engine.core.state import Instant
from kalends.jobstores.zookeeper_requests import Node


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

    @property
    def data(self) -> bytes:
        """The content of the node."""
        time = "" if self.next_run_time is None else self.next_run_time
        return f"{self.name}\n{self.edition}\n{time}\n".encode() + (self.record or b"")


def job_in(name: str, node: Node) -> JobNode:
    """Return the definition that a node has."""
    uid, _, definition = node.data.partition(b"\n")
    return JobNode(name, uid.decode(), definition, node.version)


def state_in(node: Node) -> StateNode:
    """Return the next run time and the record that a node has."""
    name, edition, time, record = node.data.split(b"\n", 3)
    return StateNode(name.decode(), int(edition), int(time) if time else None, record or None, node.version + 1)
