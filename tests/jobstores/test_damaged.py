"""What a job store does with a document that it cannot read: it keeps the row, and the job does not run."""

from __future__ import annotations

import pytest

from jobstores.places import damage
from kalends.jobstores.base import ConflictingIdError, RecordingJobStore
from kalends.testing.contracts.jobs import NOON, job
from kalends.testing.contracts.jobstores import ids
from kalends.testing.contracts.places import lasting


@lasting
@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (b"\x80\x04garbage", "JSONDecodeError"),
        (b'{"version":99,"generation":1,"created":0,"edited":0,"serializer":"json","job":{}}', "version 99"),
        (b'{"version":1,"generation":1,"created":0,"edited":0,"serializer":"pickle","job":""}', "serializer='pickle'"),
        (b'{"version":1,"generation":1,"created":0,"edited":0,"serializer":"json","job":{}}', "must have a version"),
    ],
    ids=["damaged", "of a later version", "pickled", "empty"],
)
def test_a_job_that_cannot_be_restored_is_kept(store: RecordingJobStore, definition: bytes, problem: str) -> None:
    store.add_all([job("a"), job("b")])
    damage(store, "a", definition=definition)
    kept = store.kept_job("a")
    assert kept.job is None
    assert problem in kept.problem
    assert store.lookup_job("a") is None
    assert ids(store.get_all_jobs()) == ids(store.get_due_jobs(NOON)) == ["b"]
    assert sorted(ids(store.kept_jobs())) == ["a", "b"]
    with pytest.raises(ConflictingIdError):
        store.add_job(job("a"))


@lasting
def test_a_job_that_cannot_be_restored_is_replaced_and_removed(store: RecordingJobStore) -> None:
    store.add_all([job("a"), job("b")])
    for id_ in ("a", "b"):
        damage(store, id_, definition=b"{}")
    before = store.kept_job("a")
    store.update_job(job("a", name="restored"))
    after = store.kept_job("a")
    assert after.job is not None
    assert after.job.name == "restored"
    assert after.generation > before.generation
    store.remove_job("b")
    assert ids(store.kept_jobs()) == ["a"]


@lasting
def test_a_record_of_a_later_version_stops_its_job(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    damage(store, "a", record=b'{"version":99,"record":{}}')
    kept = store.kept_job("a")
    assert kept.job is None
    assert "the record has version 99" in kept.problem
    assert kept.record is None
