"""Whether, and when, a run that failed is tried again. Pure."""

from __future__ import annotations

from hashlib import blake2b

from kalends.engine.core.copying import replace
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import RetryPolicy
from kalends.engine.core.state import ActiveRun
from kalends.engine.ports import RunReport
from kalends.model.reasons import Reason
from kalends.model.values import Outcome


def next_attempt(run: ActiveRun, report: RunReport, retry: RetryPolicy | None) -> ActiveRun | None:
    """Return the run as it waits for its next attempt, or None where it has had its last.

    A cancelled run is not tried again, as a user wanted it to end; a lost run only where
    ``onLost`` says that it may run twice.
    """
    if retry is None or run.attempt > retry.limit:
        return None
    failed = report.outcome in {Outcome.FAILED, Outcome.TIMED_OUT}
    cut_off = report.outcome is Outcome.LOST or report.reason == Reason.SHUTTING_DOWN
    if not failed and not (cut_off and retry.on_lost):
        return None
    attempt = run.attempt + 1
    return replace(
        run,
        name=run_name(report.ref.name, run.fire_time, attempt, run.request),
        attempt=attempt,
        retry_at=report.completed + backoff(retry, run, report.ref.uid),
        holder="",
        cancelling="",
        message="",
        waiting="",
        job_uid="",
    )


def backoff(retry: RetryPolicy, failed: ActiveRun, uid: str) -> int:
    """Return for how many seconds the next attempt waits: longer each time, and up to a quarter more by chance.

    The random part is a pure function of the run, so that each computation gives the same; it keeps runs that
    failed together from coming back together.
    """
    grown: int = retry.backoff_seconds * retry.factor ** (failed.attempt - 1)
    wait = min(retry.max_backoff_seconds, grown)
    digest = blake2b(f"{uid}/{failed.name}".encode(), digest_size=8).digest()
    return wait + int.from_bytes(digest, "big") % (wait // 4 + 1)
