"""From settings to executors, and to the check that a resource's target can run on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kalends.clock import Clock
from kalends.engine.core.schedule import JOBS_EXECUTOR, Check, Defaults, TaskCall
from kalends.engine.core.target import Target
from kalends.errors import InvalidSettings, InvalidSpec
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.processes import MOST_RUNS, ProcessWorkers
from kalends.executors.pools.resolvers import RegisteredTasks
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model.reasons import Reason
from kalends.settings import ExecutorKind, ExecutorSettings, Settings
from kalends.tasks import Registry


def pools(configured: Mapping[str, ExecutorSettings], registry: Registry, clock: Clock) -> dict[str, PoolExecutor]:
    """Return a pool for each configured executor."""
    made: dict[str, PoolExecutor] = {}
    tasks = RegisteredTasks(registry)
    for alias, one in configured.items():
        match one.kind:
            case ExecutorKind.THREADS:
                replaced = one.workers if one.max_replaced_threads is None else one.max_replaced_threads
                made[alias] = PoolExecutor(one.workers, ThreadWorkers(tasks), clock, replaced=replaced)
            case ExecutorKind.PROCESSES:
                workers = ProcessWorkers(tasks, one.max_runs_per_worker or MOST_RUNS)
                made[alias] = PoolExecutor(one.workers, workers, clock)
    return made


def default_settings(settings: Settings) -> Defaults:
    """Return the engine's defaults."""
    said = settings.job_defaults
    return Defaults(
        time_zone=settings.time_zone,
        coalesce=said.coalesce,
        max_instances=said.max_instances,
        starting_deadline_seconds=said.starting_deadline_seconds,
        executor=said.executor,
    )


def check_default(executor: str, configured: Collection[str]) -> None:
    """Refuse a default executor that does not exist.

    Raises:
        InvalidSettings: The executor does not exist. The message lists the existing executors.
    """
    if executor not in configured:
        raise InvalidSettings(f"job_defaults.executor must be one of {', '.join(sorted(configured))}, got '{executor}'")


def target_check(registry: Registry, aliases: Collection[str], *, jobs: str | None = None) -> Check:
    """Return the check of a target: its task and arguments, its executor.

    Args:
        registry: The tasks that there are.
        aliases: The pools that there are.
        jobs: Why a ``jobTemplate`` cannot run here, if it cannot.
    """

    def check(target: Target, executor: str) -> None:
        if target.executor == JOBS_EXECUTOR:
            if jobs is not None:
                raise InvalidSpec(jobs, path="spec.jobTemplate", reason=Reason.NOT_SUPPORTED)
            return
        if executor not in aliases or executor == JOBS_EXECUTOR:
            known = ", ".join(sorted(f"'{alias}'" for alias in aliases if alias != JOBS_EXECUTOR))
            raise InvalidSpec(
                f"must be the name of a configured executor ({known}), got '{executor}'",
                path="spec.executor",
                reason=Reason.UNKNOWN_EXECUTOR,
            )
        if isinstance(target, TaskCall):
            registry.check_call(target.name, target.args, target.kwargs)

    return check
