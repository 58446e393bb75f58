"""Adding rows in groups: what stores share whose server limits the size of a request and of a value."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from typing_extensions import override

from kalends.errors import Unavailable
from kalends.jobstores.base import ConflictingIdError
from kalends.jobstores.row_values import Row
from kalends.jobstores.rows import RowJobStore


class NewRow(Protocol):
    """A row that is to be added, as a store has prepared it."""

    @property
    def id(self) -> str:
        """The ID of its job."""

    @property
    def uid(self) -> str:
        """The UID of its job, which no other row has."""

    @property
    def version(self) -> int:
        """The version that it will have."""


_W = TypeVar("_W", bound=NewRow)


class GroupedJobStore(RowJobStore, Generic[_W]):
    """Adds rows in groups, each in one transaction. An error removes the groups before it again.

    The answer to an insert can be an error, or be lost, although the insert was carried out: etcd, for example, carries
    out the write that fills its space, and answers that there is no space. As UIDs are unique, a row with the UID that
    was written proves that its group was added.
    """

    # -- what the server does

    @abstractmethod
    def _new(self, row: Row) -> _W:
        """Prepare a row. The parts of a large definition are written here."""

    @abstractmethod
    def _groups(self, writes: Sequence[_W]) -> Iterable[list[_W]]:
        """Return the rows in groups that fit in a transaction."""

    @abstractmethod
    def _insert(self, group: Sequence[_W]) -> str | None:
        """Add a group, if none of its IDs has a row; else return the ID of such a row."""

    @abstractmethod
    def _was_inserted(self, group: Sequence[_W]) -> bool:
        """Return whether a row of the group is in the store, as the newest write has left it."""

    @abstractmethod
    def _drop_parts(self, write: _W) -> None:
        """Remove the parts of a definition, unless a row names them."""

    @abstractmethod
    def _count_change(self) -> None:
        """Make ``change_number`` return another number."""

    # -- the same for all

    @override
    def insert_rows(self, rows: Sequence[Row]) -> None:
        writes: list[_W] = []
        present: list[_W] = []
        try:
            writes.extend(map(self._new, rows))
            for group in self._groups(writes):
                present += group  # also if the answer is lost
                self._insert_for_certain(group, present)
        except (ConflictingIdError, Unavailable):
            # If the server is away, each further request would wait for its time limit.
            with suppress(Unavailable):
                self._take_back(writes, present)
            raise

    def _insert_for_certain(self, group: Sequence[_W], present: list[_W]) -> None:
        try:
            taken = self._insert(group)
        except Unavailable:
            with suppress(Unavailable):
                if self._was_inserted(group):
                    return
            raise
        if taken is not None:
            del present[-len(group) :]
            raise ConflictingIdError(taken)

    def _take_back(self, writes: Sequence[_W], present: Sequence[_W]) -> None:
        for write in present:
            # Another scheduler may have written a record since, which changes the version.
            self.remove_row(write.id, write.uid)
        for write in writes:
            self._drop_parts(write)
        if present:
            self._count_change()
