"""The part of a scheduler that has executors and job stores."""

from __future__ import annotations

from threading import Thread
from typing import Any

from kalends.events import (
    EVENT_EXECUTOR_ADDED,
    EVENT_EXECUTOR_REMOVED,
    EVENT_JOBSTORE_ADDED,
    EVENT_JOBSTORE_REMOVED,
    SchedulerEvent,
)
from kalends.executors.base import BaseExecutor, is_run_of
from kalends.jobstores.base import BaseJobStore
from kalends.library.configuration import Plugins
from kalends.library.scheduler_core import SchedulerCore

EXECUTORS = {
    "threadpool": "kalends.executors.pool:ThreadPoolExecutor",
    "processpool": "kalends.executors.pool:ProcessPoolExecutor",
    "asyncio": "kalends.executors.asyncio:AsyncIOExecutor",
    "gevent": "kalends.executors.gevent:GeventExecutor",
    "tornado": "kalends.executors.tornado:TornadoExecutor",
    "twisted": "kalends.executors.twisted:TwistedExecutor",
    "debug": "kalends.executors.debug:DebugExecutor",
}
JOB_STORES = {
    "memory": "kalends.jobstores.memory:MemoryJobStore",
    "sqlalchemy": "kalends.jobstores.sqlalchemy:SQLAlchemyJobStore",
    "mongodb": "kalends.jobstores.mongodb:MongoDBJobStore",
    "redis": "kalends.jobstores.redis:RedisJobStore",
    "rethinkdb": "kalends.jobstores.rethinkdb:RethinkDBJobStore",
    "etcd": "kalends.jobstores.etcd:EtcdJobStore",
    "zookeeper": "kalends.jobstores.zookeeper:ZooKeeperJobStore",
    "kubernetes": "kalends.jobstores.kubernetes:KubernetesJobStore",
}

EXECUTOR_PLUGINS = Plugins("executor", "kalends.executors", EXECUTORS, BaseExecutor)
JOB_STORE_PLUGINS = Plugins("job store", "kalends.jobstores", JOB_STORES, BaseJobStore)


class Components(SchedulerCore):
    """Adds and removes executors and job stores, before the start and while the scheduler runs."""

    @property
    def has_components(self) -> bool:
        """Whether it has job stores or executors that ``configure`` would remove."""
        return bool(self._executors or self._book.stores)

    def add_executor(self, executor: BaseExecutor | str, alias: str = "default", **executor_opts: Any) -> None:
        """Add an executor.

        Args:
            executor: An instance, or the alias of a class.
            alias: Jobs name it by this.
            executor_opts: Arguments of the class.

        Raises:
            ValueError: There is an executor of this alias.
            TypeError: It is neither an executor nor an alias.
        """
        with self._lock:
            if alias in self._executors:
                raise ValueError(f'This scheduler already has an executor by the alias of "{alias}"')
            if isinstance(executor, str):
                executor = EXECUTOR_PLUGINS.create(executor, executor_opts)
            if not isinstance(executor, BaseExecutor):
                raise TypeError(f"Expected an executor instance or a string, got {type(executor).__name__} instead")
            if self._engine is not None:
                executor.start(self._whole, alias)
            self._executors[alias] = executor
            if self._engine is not None:
                self._engine.add_executor(alias, executor)
        self._dispatcher.now(SchedulerEvent(EVENT_EXECUTOR_ADDED, alias))

    def remove_executor(self, alias: str, shutdown: bool = True) -> None:  # noqa: FBT001, FBT002 - APScheduler's signature
        """Remove an executor.

        A run that calls this does not wait for its own end: the executor shuts down in another thread then.

        Args:
            alias: Its alias.
            shutdown: Shut it down, after its active runs.

        Raises:
            KeyError: There is no executor of this alias.
        """
        with self._lock:
            executor = self._lookup_executor(alias)
            del self._executors[alias]
            if self._engine is not None:
                self._engine.remove_executor(alias, wait=shutdown)
        if shutdown and is_run_of(self._whole):
            # No daemon: the ends of the runs that it still has are recorded before the process ends.
            Thread(target=executor.shutdown, name=f"Kalends shutdown of {alias}", daemon=False).start()
        elif shutdown:
            executor.shutdown()
        self._dispatcher.now(SchedulerEvent(EVENT_EXECUTOR_REMOVED, alias))

    def add_jobstore(self, jobstore: BaseJobStore | str, alias: str = "default", **jobstore_opts: Any) -> None:
        """Add a job store.

        Args:
            jobstore: An instance, or the alias of a class.
            alias: Jobs name it by this.
            jobstore_opts: Arguments of the class.

        Raises:
            ValueError: There is a job store of this alias.
            TypeError: It is neither a job store nor an alias.
        """
        with self._lock:
            if alias in self._book.stores:
                raise ValueError(f'This scheduler already has a job store by the alias of "{alias}"')
            if isinstance(jobstore, str):
                jobstore = JOB_STORE_PLUGINS.create(jobstore, jobstore_opts)
            if not isinstance(jobstore, BaseJobStore):
                raise TypeError(f"Expected a job store instance or a string, got {type(jobstore).__name__} instead")
            self._book.stores[alias] = jobstore
            if self._engine is not None:
                self._start_jobstore(alias)
                self._engine.load(alias)
        self._dispatcher.now(SchedulerEvent(EVENT_JOBSTORE_ADDED, alias))

    def remove_jobstore(self, alias: str, shutdown: bool = True) -> None:  # noqa: FBT001, FBT002 - APScheduler's signature
        """Remove a job store. Its jobs stay in it, and have no runs here; another scheduler that shares it takes over.

        Active runs of its jobs are asked to end. They count as lost.

        Args:
            alias: Its alias.
            shutdown: Shut it down.

        Raises:
            KeyError: There is no job store of this alias.
        """
        with self._lock:
            store = self._book.store(alias)
            del self._book.stores[alias]
            self._book.recording.pop(alias, None)
            finish = store.shutdown if shutdown else _nothing
            if self._engine is not None:
                # The lease first, as the store writes it. Runs of its jobs end without a record: they count as lost.
                finish = self._engine.release(alias, finish)
                self._engine.forget_all(alias)
        finish()
        self._dispatcher.now(SchedulerEvent(EVENT_JOBSTORE_REMOVED, alias))

    def _lookup_executor(self, alias: str) -> BaseExecutor:
        if alias not in self._executors:
            raise KeyError(f"No such executor: {alias}")
        return self._executors[alias]

    def _start_jobstore(self, alias: str) -> None:
        if not self._book.start(alias, self._whole):
            self._logger.info("The job store %r has no compare-and-set: one process may use it", alias)

    def acts_for(self, jobstore: str = "default") -> bool:
        """Return whether this scheduler acts for a job store at this moment: it starts the runs of its jobs.

        Of the schedulers that share a store, one acts. A store in memory, or without compare-and-set, is not shared.

        Args:
            jobstore: The alias of the store.

        Raises:
            KeyError: There is no job store of this alias.
        """
        self._book.store(jobstore)
        engine = self._engine
        return engine is not None and engine.acts_for(jobstore)


def _nothing() -> None:
    """Leave a store that is not to be shut down as it is."""
