"""The executors of a scheduler, by alias: which accept runs now, and which are pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import Cluster, Executor, Pool
from kalends.engine.ports import RunReport


class Accepting(IntEnum):
    """Which executors accept runs."""

    NONE = 0
    CLUSTERS = 1
    """While pools close: no other operator starts the runs of clusters before that is over."""
    ALL = 2


@dataclass(frozen=True, slots=True)
class _Events:
    """The ``ExecutorEvents`` of one executor."""

    ended: Callable[[RunReport], None]
    changed: Callable[[Ref], None]
    freed: Callable[[], None]


class ExecutorTable:
    """Pools by alias, and the cluster, whose alias is ``jobs``."""

    def __init__(self, pools: Mapping[str, Pool], cluster: Cluster | None) -> None:
        self.pools: dict[str, Pool] = dict(pools)
        self.cluster = cluster
        self.by_alias: dict[str, Executor] = dict(pools) if cluster is None else {**pools, JOBS_EXECUTOR: cluster}
        self._accepting = Accepting.NONE
        self._events: Callable[[str], _Events] | None = None

    async def open(
        self,
        ended: Callable[[str, RunReport], None],
        changed: Callable[[Ref], None],
        freed: Callable[[str], None],
    ) -> None:
        """Open all executors; ``ended`` and ``freed`` receive the alias of the executor."""
        self._events = lambda alias: _Events(partial(ended, alias), changed, partial(freed, alias))
        self._accepting = Accepting.ALL
        for alias, executor in self.by_alias.items():
            await executor.open(self._events(alias))

    async def add(self, alias: str, pool: Pool) -> None:
        """Add a pool, open if the others are."""
        if self._events is not None:
            await pool.open(self._events(alias))
        self.pools[alias] = self.by_alias[alias] = pool

    async def remove(self, alias: str, grace: float) -> None:
        """Remove a pool, after up to ``grace`` seconds for its runs. Resources that name it start no runs."""
        pool = self.pools.pop(alias)
        del self.by_alias[alias]
        await pool.close(grace)

    def start_pools(self) -> None:
        """Let fire times be decided again whose runs are in pools."""
        if self._events is not None:
            self._accepting = Accepting.ALL

    def stop_pools(self) -> None:
        """Let no fire time be decided whose run would be in a pool."""
        self._accepting = min(self._accepting, Accepting.CLUSTERS)

    async def close(self, grace: float) -> None:
        """Close all executors, after up to ``grace`` seconds for the runs in pools."""
        await asyncio.gather(*(executor.close(grace) for executor in self.by_alias.values()))
        self._accepting = Accepting.NONE
        self._events = None

    def accepts(self, alias: str | None) -> bool:
        """Return whether fire times are decided whose runs are in this executor (None: a resource names none)."""
        least = Accepting.CLUSTERS if self.is_cluster(alias) else Accepting.ALL
        return self._accepting >= least

    def is_cluster(self, alias: str | None) -> bool:
        """Return whether the runs of an executor continue without this process."""
        return self.cluster is not None and alias == JOBS_EXECUTOR

    def obstacle(self, alias: str) -> str:
        """Return why no run can start in an executor until an administrator intervenes, or ``""``."""
        pool = None if self.is_cluster(alias) else self.pools.get(alias)
        return "" if pool is None else pool.obstacle()
