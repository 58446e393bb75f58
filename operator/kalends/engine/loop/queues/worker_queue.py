"""Which resource waits for a worker of a pool, which was woken for one, and which holds a promise of one.

A claim is promised a worker before it is written. Waiting resources are woken, one for each free worker: namespaces in
turn, and within a namespace in the order in which they came. A resource that was woken and takes no worker lets the
next one be woken. Resources are known by UID: a resource that is created again under the same name shares nothing with
its predecessor.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kalends.engine.executor_ports import Executor


class _Line:
    """Resources that wait for a pool: many resources of a namespace do not delay those of another.

    Ordered dicts, and not dicts: taking the first key of a dict again and again is quadratic.
    """

    __slots__ = ("_namespaces",)

    def __init__(self) -> None:
        self._namespaces: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        """The UIDs of each namespace that waits; the first namespace is next."""

    def __bool__(self) -> bool:
        return bool(self._namespaces)

    def append(self, namespace: str, uid: str) -> None:
        """Add a resource at the end of its namespace."""
        self._namespaces.setdefault(namespace, OrderedDict())[uid] = None

    def remove(self, namespace: str, uid: str) -> None:
        """Remove a resource, which must be there."""
        waiting = self._namespaces[namespace]
        del waiting[uid]
        if not waiting:
            del self._namespaces[namespace]

    def pop(self) -> str:
        """Remove and return the resource that is next; there must be one."""
        namespace, waiting = next(iter(self._namespaces.items()))
        uid, _ = waiting.popitem(last=False)
        if waiting:
            self._namespaces.move_to_end(namespace)
        else:
            del self._namespaces[namespace]
        return uid


@dataclass(slots=True)
class _Pool:
    """What is known of one pool besides what the pool itself counts."""

    waiting: _Line = field(default_factory=_Line)
    promised: dict[str, set[str]] = field(default_factory=dict)
    """By UID: the runs that a worker is kept for. No set is empty."""
    promises: int = 0
    """How many runs that are."""
    woken: int = 0
    """How many resources were woken and have not looked yet."""


class WorkerQueue:
    """The workers of every pool: free, promised to a claim, or waited for. No operation depends on how many wait."""

    def __init__(self, executors: Mapping[str, Executor], wake: Callable[[str], None]) -> None:
        self._executors = executors
        self._wake = wake
        self._pools: defaultdict[str, _Pool] = defaultdict(_Pool)
        self._waits_for: dict[str, tuple[str, str]] = {}
        """By UID: the executor that a resource waits for, and its namespace."""
        self._woken_for: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Return whether any resource waits."""
        return bool(self._waits_for)

    def free(self, executor: str, uid: str) -> int:
        """Return how many workers a resource may still claim: those promised to others are gone."""
        if executor not in self._executors:
            return 0
        pool = self._pools[executor]
        own = len(pool.promised.get(uid, ()))
        return self._executors[executor].free_slots() - pool.promises + own

    # -- promises

    def promise(self, executor: str, uid: str, runs: Iterable[str]) -> None:
        """Keep a worker for each run until it starts; that is what the resource was woken for, if it was."""
        pool = self._pools[executor]
        held = pool.promised.get(uid, set()) | set(runs)
        if not held:
            return
        pool.promises += len(held) - len(pool.promised.get(uid, ()))
        pool.promised[uid] = held
        if self._woken_for.get(uid) == executor:
            self._look_is_over(uid)

    def any_promised(self, executors: Iterable[str]) -> bool:
        """Return whether a run has a slot of one of these executors kept for it, and has not started."""
        return any(self._pools[executor].promises for executor in executors)

    def started(self, executor: str, uid: str, run: str) -> None:
        """Drop the promise to a run that was handed to its pool: if it has started, the pool itself counts it now."""
        pool = self._pools[executor]
        held = pool.promised.get(uid, set())
        if run in held:
            self._keep(pool, uid, held - {run})
            self.freed(executor)  # it was refused, perhaps: then the pool counts nothing

    def release(self, uid: str) -> None:
        """Drop all promises to a resource: what it claimed has started, or was not written."""
        for executor, pool in self._pools.items():
            if uid in pool.promised:
                self._keep(pool, uid, set())
                self.freed(executor)

    @staticmethod
    def _keep(pool: _Pool, uid: str, runs: set[str]) -> None:
        pool.promises += len(runs) - len(pool.promised[uid])
        if runs:
            pool.promised[uid] = runs
        else:
            del pool.promised[uid]

    # -- waiting

    def wait(self, executor: str, uid: str, namespace: str = "") -> None:
        """Put a resource at the end of those of its namespace that wait for a pool, unless it waits for it already."""
        if self._waits_for.get(uid) != (executor, namespace):
            self._leave_line(uid)
            self._waits_for[uid] = executor, namespace
            self._pools[executor].waiting.append(namespace, uid)
        woken_for = self._look_is_over(uid)
        if woken_for is not None and woken_for != executor:  # of its own pool no worker is left: it has just looked
            self.freed(woken_for)

    def leave(self, uid: str) -> None:
        """Let a resource wait for nothing; the worker that it was woken for goes to the next one."""
        self._leave_line(uid)
        self.pass_on(uid)

    def pass_on(self, uid: str) -> None:
        """Give the worker that this resource was woken for, and did not take, to the next resource."""
        woken_for = self._look_is_over(uid)
        if woken_for is not None:
            self.freed(woken_for)

    def freed(self, executor: str) -> None:
        """Wake a waiting resource for each free worker that none was woken for yet."""
        pool = self._pools[executor]
        while pool.waiting and self.free(executor, "") > pool.woken:
            uid = pool.waiting.pop()
            del self._waits_for[uid]
            pool.woken += 1
            self._woken_for[uid] = executor
            self._wake(uid)

    def _leave_line(self, uid: str) -> None:
        place = self._waits_for.pop(uid, None)
        if place is not None:
            executor, namespace = place
            self._pools[executor].waiting.remove(namespace, uid)

    def _look_is_over(self, uid: str) -> str | None:
        executor = self._woken_for.pop(uid, None)
        if executor is not None:
            self._pools[executor].woken -= 1
        return executor
