"""Requests of ZooKeeper: many reads at once, transactions whose result says which operation failed, time limits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from kalends.errors import Unavailable
from kalends.references import object_of

try:
    from kazoo.client import KazooClient
    from kazoo.exceptions import (
        BadVersionError,
        KazooException,
        NodeExistsError,
        NoNodeError,
        RolledBackError,
        RuntimeInconsistency,
    )
except ImportError as error:
    raise ImportError("ZooKeeperJobStore needs the package kazoo: pip install 'kalends[zookeeper]'") from error

TIMEOUT = 10.0
"""Seconds that a request may take. kazoo sets no limit: it keeps requests until the server is back."""
FIRST_TIMEOUT = 30.0
"""Seconds for the first connection: kazoo spends the time limit of a session on each attempt, 10 by default."""
LONGEST_PAUSE = 2.0
"""Seconds between two attempts to connect again, at most; kazoo waits up to a minute."""
MOST_BYTES = 768 * 1024
"""Bytes of the values in a request: ZooKeeper's default ``jute.maxbuffer`` is 1 MiB less a byte, with everything."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Node:
    """A node that was read."""

    data: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Create:
    """Create a node."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Set:
    """Write a node of a version. ``data`` None: only compare the version."""

    path: str
    data: bytes | None
    version: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a node of a version, -1 for any."""

    path: str
    version: int
    data: None = None


Operation: TypeAlias = Create | Set | Delete


class ZooKeeper:
    """A client of ZooKeeper, from any thread."""

    def __init__(self, client: Any, connect_args: Mapping[str, Any]) -> None:
        if client is None:
            retries = {"max_tries": -1, "max_delay": LONGEST_PAUSE}
            client = KazooClient(**{"connection_retry": retries} | dict(connect_args))
        self.client: Any = object_of(client)

    def connect(self) -> None:
        """Connect, unless the program has connected the client.

        Raises:
            Unavailable: No server gave a session within ``FIRST_TIMEOUT``.
        """
        if not self.client.connected:
            with self._problems(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "No chroot path exists")  # it is created next
                self.client.start(timeout=FIRST_TIMEOUT)

    def close(self) -> None:
        """Disconnect. The client can connect again."""
        self.client.stop()
        self.client.close()

    def ensure(self, path: str) -> None:
        """Create a node and those above it, also those of a chroot in the address."""
        with self._problems():
            for needed in ("/", path):
                self.client.ensure_path_async(needed).get(timeout=TIMEOUT)

    def get(self, path: str) -> Node | None:
        """Return a node, or None if it does not exist."""
        return self.get_all([path])[0]

    def get_all(self, paths: Sequence[str]) -> list[Node | None]:
        """Return nodes, None for each that does not exist."""
        found = self._all(self.client.get_async, paths)
        return [None if one is None else Node(one[0], one[1].version) for one in found]

    def versions(self, paths: Sequence[str]) -> list[int | None]:
        """Return the versions of nodes, None for each that does not exist."""
        return [None if one is None else one.version for one in self._all(self.client.exists_async, paths)]

    def children(self, path: str) -> list[str]:
        """Return the names of the nodes below a node."""
        return self._all(self.client.get_children_async, [path])[0] or []

    def catch_up(self, path: str) -> None:
        """Wait until the server has every write that was answered before: a follower may be behind."""
        with self._problems():
            self.client.sync_async(path).get(timeout=TIMEOUT)

    def watch(self, path: str, changed: Callable[[], None]) -> None:
        """Call a function once, after the node has changed, or the connection was lost."""
        with self._problems():
            self.client.exists_async(path, watch=lambda _: changed()).get(timeout=TIMEOUT)

    def delete_all(self, paths: Iterable[str]) -> None:
        """Remove nodes, as far as they exist."""
        self._all(self.client.delete_async, list(paths))

    def transaction(self, operations: Sequence[Operation]) -> int | None:
        """Carry out all operations, or none; return None, or the number of the operation that failed.

        Raises:
            Unavailable: The server did not answer, or refused the whole transaction.
        """
        asked = self.client.transaction()
        for operation in operations:
            match operation:
                case Create():
                    asked.create(operation.path, operation.data)
                case Set(data=None):
                    asked.check(operation.path, operation.version)
                case Set():
                    asked.set_data(operation.path, operation.data, operation.version)
                case Delete():
                    asked.delete(operation.path, operation.version)
        with self._problems():
            results = asked.commit_async().get(timeout=TIMEOUT)
            for number, result in enumerate(results):
                if isinstance(result, BadVersionError | NodeExistsError | NoNodeError):
                    return number
                if isinstance(result, Exception) and not isinstance(result, RolledBackError | RuntimeInconsistency):
                    raise result
        return None

    def _all(self, call: Callable[[str], Any], paths: Sequence[str]) -> list[Any]:
        """Ask for many paths at once; return the answers, None for each node that does not exist."""
        answers: list[Any] = []
        with self._problems():
            for start in range(0, len(paths), _AT_ONCE):
                waiting = [call(path) for path in paths[start : start + _AT_ONCE]]
                for one in waiting:
                    try:
                        answers.append(one.get(timeout=TIMEOUT))
                    except NoNodeError:
                        answers.append(None)
        return answers

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """Raise what kazoo raises as an error that names the server: its own errors have no text."""
        try:
            yield
        except (KazooException, self.client.handler.timeout_exception) as error:
            hosts = ",".join(f"{host}:{port}" for host, port in self.client.hosts or ())
            why = " ".join(filter(None, [type(error).__name__, str(error)]))
            raise Unavailable(f"ZooKeeper at {hosts}: {why}") from error
