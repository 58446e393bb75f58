"""The port of a lease: a small record that is read with its version, and replaced by compare-and-set on that version.

An implementation keeps the record and its version, and nothing else. It compares no clocks, never deletes a record that
has lapsed, and does not know who may hold the lease: ``kalends.leases.election`` decides that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timing:
    """How long, in seconds, a lease lasts, its holder counts on it, and is waited between two tries."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("must be: lease_duration > renew_deadline > retry_period > 0")

    @property
    def request_limit(self) -> float:
        """Return for how long one request may take: there is time for a second one when a connection hangs."""
        return (self.renew_deadline - self.retry_period) / 2


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a lease says."""

    holder: str
    """The identity of the process that holds it. Empty: it was released."""
    duration: float
    """Seconds for which others respect it after they have seen it change, by their own monotonic clocks."""
    transitions: int
    """Grows by 1 each time the lease is taken: the number of the term, a fencing token."""
    acquired: str = ""
    """When it was taken, and when it was last renewed: RFC 3339, for people. Nothing is computed from them."""
    renewed: str = ""
    process: str = ""
    """Which process of which machine holds it (``kalends.leases.processes``), if it can be known. An implementation may
    leave it out."""


@dataclass(frozen=True, slots=True)
class KeptLease:
    """A record with its version."""

    version: str
    """A decimal number, as text, that grows with each write of this lease."""
    record: LeaseRecord


class Lease(Protocol):
    """One named lease, as the election uses it: on an event loop."""

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        ...

    async def read(self) -> KeptLease | None:
        """Return the lease as it is now, or None if there is none. An older state must never be returned.

        Raises:
            KalendsError: It cannot be read now.
        """
        ...

    async def write(self, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        """Replace the lease if it still has the version of ``known`` (None: create it if there is none).

        Returns:
            What was written, or None if another write was first.

        Raises:
            KalendsError: It cannot be written now, or it was written and the answer was lost.
        """
        ...

    def changes(self, version: str) -> AsyncGenerator[KeptLease, None]:
        """Yield the lease after each change since a version, in order, until the watch ends.

        Nothing depends on it. An implementation without a watch yields nothing and ends.

        Raises:
            KalendsError: It cannot be watched now.
        """
        ...


class LeaseStore(ABC):
    """A store that keeps leases by name, with calls that wait: several schedulers may share it.

    Any thread may call each method. Exceptions of the client library may be raised: they count as "cannot be reached
    now". ``kalends.leases.blocking`` makes a ``Lease`` of it.
    """

    def use_timing(self, timing: Timing) -> None:  # noqa: B027 - most stores limit their requests otherwise
        """Limit the requests for leases as an election with this timing needs it, which calls this before them."""

    @abstractmethod
    def read_lease(self, name: str) -> KeptLease | None:
        """Return the lease of a name, as the newest write has left it, or None if there is none."""

    @abstractmethod
    def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        """Write a lease, in one atomic step.

        Args:
            name: Its name: up to 300 characters of ASCII without spaces.
            known: What it must still be: the version counts, not the record. None: there must be no lease of this name.
            record: What it becomes.

        Returns:
            What was written, or None if the lease had another version.
        """

    @abstractmethod
    def remove_lease(self, name: str, known: KeptLease) -> bool:
        """Remove a lease that still has the version of ``known``, in one atomic step; return whether it had.

        If a lease of this name is written again, its versions may begin anew.
        """
