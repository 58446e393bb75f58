"""Records the UID of each active run's Job: names can be reused, labels and owner references can be edited. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kalends.engine.core.copying import replace
from kalends.engine.core.state import ActiveRun, State
from kalends.engine.ports import JobView


def with_job_uids(state: State, jobs: Sequence[JobView] | None) -> State:
    """Return the record with the UID of each active run's Job, as far as its Job is known.

    A UID stays recorded while its Job is not shown: that is when it is needed. Records of earlier releases have none,
    and get it here.
    """
    if not jobs or not state.active:
        return state
    uids = {job.name: job.uid for job in jobs if job.uid}
    active = tuple(_with_uid(run, uids.get(run.name, "")) for run in state.active)
    return state if active == state.active else replace(state, active=active)


def _with_uid(run: ActiveRun, uid: str) -> ActiveRun:
    has_job = not run.holder and run.retry_at is None
    return replace(run, job_uid=uid) if uid and has_job and uid != run.job_uid else run
