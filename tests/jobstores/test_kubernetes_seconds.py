"""Records of a program's engine in a status: whole seconds lose nothing, and fractions never decide anything else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.engine.core.copying import replace
from kalends.engine.core.run_names import run_name
from kalends.engine.core.state import ActiveRun, Condition, Counts, FinishedRun, Misfire, QueuedRun, State
from kalends.jobstores.kubernetes.seconds import in_microseconds, in_seconds
from kalends.model.values import Outcome
from kalends.stores.status_record import decode, encode
from kalends.triggers.programs.datetimes import SECOND

seconds = st.integers(1_700_000_000, 1_900_000_000)
tokens = st.sampled_from(["", "now", "again"])


def state(draw: st.DrawFn, unit: int, fraction: st.SearchStrategy[int], job_id: str) -> State:
    """Return a record whose fire times are whole seconds; other instants have a fraction."""

    def fire_time() -> int:
        return draw(seconds) * unit

    def instant() -> int:
        return draw(seconds) * unit + draw(fraction)

    active, finished, queued = [], [], []
    for _ in range(draw(st.integers(0, 2))):
        at, attempt, token = fire_time(), draw(st.integers(1, 3)), draw(tokens)
        name = run_name(job_id, at, attempt, token)
        retry_at = draw(st.none() | seconds.map(lambda one: one * unit + 1))
        active.append(ActiveRun(name, at, instant(), "default", attempt, "holder", token, retry_at))
    for _ in range(draw(st.integers(0, 2))):
        at, attempts, token = fire_time(), draw(st.integers(1, 3)), draw(tokens)
        name = run_name(job_id, at, attempts, token)
        finished.append(FinishedRun(name, at, instant(), instant(), Outcome.FAILED, attempts=attempts, request=token))
    for _ in range(draw(st.integers(0, 2))):
        at = fire_time()
        queued.append(QueuedRun(run_name(job_id, at), at))
    started = len(active) + len(finished)
    message = f"{finished[0].name} failed" if finished else "every 5s"
    counts = Counts(
        due=started + len(queued), started=started, queued=len(queued), active=len(active), failed=len(finished)
    )
    return State(
        armed=instant(),
        cursor=instant(),
        next_run=fire_time(),
        last_scheduled=fire_time(),
        last_successful=fire_time(),
        last_requested=instant(),
        active=tuple(active),
        queued=tuple(queued),
        history=tuple(finished),
        last_misfire=Misfire(fire_time(), "DeadlineExceeded", "late"),
        counts=counts,
        conditions={"Ready": Condition("Ready", status=True, reason="Armed", message=message, since=instant())},
    )


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whole_seconds_lose_nothing(data: st.DataObject) -> None:
    before = data.draw(st.composite(lambda draw: state(draw, SECOND, st.just(0), "An ID"))())
    before = replace(before, active=tuple(replace(run, retry_at=None) for run in before.active))
    written = in_seconds(before, "An ID", "an-object")
    assert in_microseconds(written, "An ID", "an-object") == before
    names = [run.name for run in written.active] + [run.name for run in written.queued]
    assert all(name.startswith("an-object-") for name in names + [run.name for run in written.history])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_status_that_was_read_is_written_again_as_it_was(data: st.DataObject) -> None:
    before = data.draw(st.composite(lambda draw: state(draw, 1, st.just(0), "report"))())
    read = decode(encode(before), created=0)
    assert read is not None
    assert in_seconds(in_microseconds(read, "report", "report"), "report", "report") == read


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_fractions_of_a_second_decide_nothing(data: st.DataObject) -> None:
    before = data.draw(st.composite(lambda draw: state(draw, SECOND, st.integers(0, SECOND - 1), "report"))())
    after = in_microseconds(in_seconds(before, "report", "report"), "report", "report")
    for fire_time in range(after.decided_until - 2 * SECOND, after.decided_until + 3 * SECOND, SECOND):
        assert (fire_time <= after.decided_until) == (fire_time <= before.decided_until)
    assert [run.fire_time for run in after.active] == [run.fire_time for run in before.active]
    for old, new in zip(before.active, after.active, strict=True):
        assert (new.retry_at or 0) >= (old.retry_at or 0)
    assert after.counts == before.counts
