"""What is known of Jobs and pods: since when a Job waits for its pods, who is told, and what is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import START, LoopClock
from executors.test_job_pods import RUNNING, TERMINATED, pod, waiting
from kalends.executors.seen_jobs import SeenJobs
from kalends.model import format_instant

pytestmark = pytest.mark.looptime

AT = format_instant(START)


class Seen(SeenJobs):
    """Jobs of one resource, shown by hand."""

    def __init__(self) -> None:
        super().__init__(LoopClock())
        self.told = 0
        self.changed = self._count
        self.version = 100

    def _count(self, uid: str) -> None:
        assert uid == "the-uid"
        self.told += 1

    def job(self, *, event="MODIFIED", uid="job-uid", spec: Any = None, **status):
        self.version += 1
        owner = {"kind": "ScheduledJob", "name": "nightly", "uid": "the-uid", "controller": True}
        meta = {
            "name": f"nightly-{START}",
            "namespace": "blue",
            "uid": uid,
            "resourceVersion": str(self.version),
            "creationTimestamp": AT,
            "ownerReferences": [owner],
        }
        self.job_changed(event, {"metadata": meta, "spec": spec or {}, "status": status})

    def pod(self, *states, event="MODIFIED", uid="job-uid", **more):
        seen = pod(*states, **more)
        seen["metadata"]["ownerReferences"] = [{"uid": uid, "controller": True}]
        self.pod_changed(event, seen)

    @property
    def pending(self):
        (view,) = self.views("the-uid")
        return view.pending_since, view.pending_message

    def news(self) -> bool:
        """Tell whether anybody was told of anything since it was last asked."""
        told, self.told = self.told, 0
        return told > 0


@pytest.fixture
async def seen():
    made = Seen()
    made.job(event="ADDED")
    assert made.news()
    return made


async def test_a_job_waits_from_its_creation_and_then_from_when_it_was_taken_up(seen):
    assert seen.pending == (START, "")
    seen.job(startTime=format_instant(START + 3), active=1)
    assert seen.pending == (START + 3, "")
    assert seen.news()


async def test_what_its_pods_wait_for_is_told(seen):
    seen.pod(waiting("ImagePullBackOff", "no such image"))
    assert seen.pending == (START, "ImagePullBackOff: no such image")
    assert seen.news()
    seen.pod(waiting("ImagePullBackOff", "no such image"))
    assert not seen.news()


@pytest.mark.parametrize("state", [RUNNING, TERMINATED])
async def test_a_job_waits_no_more_once_a_container_has_run(seen, state):
    seen.pod(state)
    assert seen.pending == (None, "")
    assert seen.news()


@pytest.mark.parametrize(
    "status",
    [{"ready": 1}, {"succeeded": 1}, {"failed": 1}, {"uncountedTerminatedPods": {"succeeded": ["pod-uid"]}}],
)
async def test_a_job_waits_no_more_once_it_says_so_itself(seen, status):
    seen.job(**status)
    assert seen.pending == (None, "")
    assert seen.news()


async def test_a_job_that_has_run_once_does_not_wait_again_when_its_pod_is_gone(seen):
    seen.pod(RUNNING)
    seen.pod(RUNNING, event="DELETED")
    seen.pod(waiting("ImagePullBackOff"), name="pod-b")
    assert seen.pending == (None, "")


async def test_a_suspended_job_waits_for_somebody_and_not_for_its_pods(seen):
    seen.job(spec={"suspend": True})
    assert seen.pending == (None, "")
    assert seen.news()
    seen.job(spec={"suspend": False}, startTime=format_instant(START + 60))
    assert seen.pending == (START + 60, "")
    assert seen.news()


async def test_a_job_that_has_ended_waits_for_nothing(seen):
    seen.job(conditions=[{"type": "Failed", "status": "True", "lastTransitionTime": AT}])
    assert seen.pending == (None, "")


async def test_news_that_decide_nothing_are_kept_to_oneself(seen):
    seen.job(active=1)
    seen.job(active=2)
    assert not seen.news()


async def test_pods_that_are_seen_before_their_job_count(seen):
    seen.pod(RUNNING, uid="later", name="pod-later")
    assert not seen.news()
    seen.job(event="DELETED")
    seen.job(event="ADDED", uid="later")
    assert seen.pending == (None, "")


async def test_how_a_pod_ended_is_kept_until_its_job_goes(seen):
    seen.pod(TERMINATED)
    seen.pod(TERMINATED, event="DELETED")
    end = {"type": "Complete", "status": "True", "lastTransitionTime": AT}
    seen.job(succeeded=1, conditions=[end])
    (view,) = seen.views("the-uid")
    assert view.report is not None, "there is no need to wait for what its pods have to tell"


async def test_a_pod_that_ends_after_its_job_is_waited_for(seen):
    end = {"type": "Complete", "status": "True", "lastTransitionTime": AT}
    seen.job(succeeded=1, conditions=[end])
    (view,) = seen.views("the-uid")
    assert view.report is None
    seen.news()
    seen.pod(TERMINATED)
    assert seen.news()
    (view,) = seen.views("the-uid")
    assert view.report is not None


async def test_pods_that_never_tell_are_not_waited_for_long(seen):
    seen.job(succeeded=1, conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}])
    (view,) = seen.views("the-uid")
    assert view.report is None
    seen.news()
    await asyncio.sleep(1.1)
    assert seen.news()
    (view,) = seen.views("the-uid")
    assert view.report is not None


async def test_a_job_that_cleans_up_after_itself_is_shown_until_its_end_is_on_record(seen):
    end = [{"type": "Complete", "status": "True", "lastTransitionTime": AT}]
    seen.job(conditions=end)
    seen.job(conditions=end, event="DELETED")
    (view,) = seen.views("the-uid")
    assert view.report is not None
    seen.news()
    await asyncio.sleep(61)
    assert seen.views("the-uid") == ()
    assert seen.news()


async def test_a_job_whose_last_state_tells_its_end_has_ended(seen):
    seen.job(conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}], event="DELETED")
    (view,) = seen.views("the-uid")
    assert view.report is not None


async def test_a_job_that_we_have_deleted_ourselves_is_not_shown_again_when_its_deletion_is_seen(seen):
    end = [{"type": "Complete", "status": "True", "lastTransitionTime": AT}]
    seen.job(conditions=end)
    seen.forget("the-uid", f"nightly-{START}", "job-uid")
    seen.job(conditions=end, event="DELETED")
    assert seen.views("the-uid") == ()


async def test_another_job_of_the_same_name_starts_afresh(seen):
    seen.pod(RUNNING)
    seen.job(event="ADDED", uid="another")
    assert seen.pending == (START, "")


async def test_nothing_is_kept_of_pods_whose_jobs_are_not_there():
    seen = Seen()
    for number in range(50):
        seen.pod(RUNNING, uid=f"unseen-{number}")
        seen.pod(TERMINATED, uid=f"unseen-{number}")
        seen.pod(TERMINATED, uid=f"unseen-{number}", event="DELETED")
    assert (seen._pods, seen._begun) == ({}, set())


async def test_nothing_is_kept_of_a_job_that_is_gone_but_that_it_is(seen):
    seen.pod(RUNNING)
    seen.job(event="DELETED")
    seen.pod(TERMINATED)
    seen.pod(TERMINATED, event="DELETED")
    assert (seen._pods, seen._begun, seen._jobs, seen._refs, seen._by_uid, seen._ended_at) == (
        {}, set(), {}, {}, {}, {},
    )  # fmt: skip
