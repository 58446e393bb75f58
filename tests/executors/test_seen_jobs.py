"""What is known of Jobs and pods: since when a Job waits for its pods, who is notified, and what is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import START
from executors.test_job_pods import RUNNING, TERMINATED, pod, waiting
from kalends.engine.core.state import Ref
from kalends.engine.ports import Admission
from kalends.executors.jobs import run_reports as job_reports
from kalends.executors.jobs.seen_jobs import LOOK_AGAIN, SeenJobs
from kalends.executors.results import clean
from kalends.model import format_instant
from narrowing import present

pytestmark = pytest.mark.looptime

AT = format_instant(START)
REF = Ref("blue", "nightly", "the-uid")
NAME = f"nightly-{START}"
OWNER = {
    "apiVersion": "kalends.dev/v1alpha1",
    "kind": "ScheduledJob",
    "name": "nightly",
    "uid": "the-uid",
    "controller": True,
}


class Seen(SeenJobs):
    """The Jobs of one resource, as the test shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.reported = 0
        self.report_to(self._count)
        self.all_are_listed()
        self.version = 100

    def _count(self, ref: Ref) -> None:
        assert ref == REF
        self.reported += 1

    def job(
        self, *, event: str = "MODIFIED", uid: str = "job-uid", spec: Any = None, metadata: Any = None, **status: Any
    ) -> dict[str, Any]:
        self.version += 1
        meta = {
            "name": NAME,
            "namespace": "blue",
            "uid": uid,
            "resourceVersion": str(self.version),
            "creationTimestamp": AT,
            "ownerReferences": [OWNER],
        }
        job = {"metadata": meta | (metadata or {}), "spec": spec or {}, "status": status}
        self.job_changed(event, job)
        return job

    def pod(
        self, *states: Any, event: str = "MODIFIED", uid: str = "job-uid", namespace: str = "blue", **more: Any
    ) -> None:
        seen = pod(*states, **more)
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": NAME, "uid": uid, "controller": True}
        seen["metadata"] |= {"namespace": namespace, "ownerReferences": [owner]}
        self.pod_changed(event, seen)

    def pending(self) -> tuple[int | None, str]:
        (view,) = present(self.views(REF))
        return view.pending_since, view.pending_message

    def news(self) -> bool:
        """Return whether any news was reported since the last call."""
        reported, self.reported = self.reported, 0
        return reported > 0


@pytest.fixture
async def seen() -> Any:
    made = Seen()
    made.job(event="ADDED")
    assert made.news()
    return made


async def test_a_job_waits_from_its_creation_and_then_from_when_it_was_taken_up(seen: Seen) -> None:
    assert seen.pending() == (START, "")
    seen.job(startTime=format_instant(START + 3), active=1)
    assert seen.pending() == (START + 3, "")
    assert seen.news()


async def test_the_reason_for_which_pods_wait_is_reported(seen: Seen) -> None:
    seen.pod(waiting("ImagePullBackOff", "no such image"))
    assert seen.pending() == (START, "ImagePullBackOff: no such image")
    assert seen.news()
    seen.pod(waiting("ImagePullBackOff", "no such image"))
    assert not seen.news()


@pytest.mark.parametrize("state", [RUNNING, TERMINATED])
async def test_a_job_waits_no_more_once_a_container_has_run(seen: Seen, state: dict[str, Any]) -> None:
    seen.pod(state)
    assert seen.pending() == (None, "")
    assert seen.news()


@pytest.mark.parametrize(
    "status",
    [{"ready": 1}, {"succeeded": 1}, {"failed": 1}, {"uncountedTerminatedPods": {"succeeded": ["pod-uid"]}}],
)
async def test_a_job_waits_no_more_once_its_status_shows_it(seen: Seen, status: dict[str, Any]) -> None:
    seen.job(**status)
    assert seen.pending() == (None, "")
    assert seen.news()


async def test_a_job_that_has_run_once_does_not_wait_again_when_its_pod_is_gone(seen: Seen) -> None:
    seen.pod(RUNNING)
    seen.pod(RUNNING, event="DELETED")
    seen.pod(waiting("ImagePullBackOff"), name="pod-b")
    assert seen.pending() == (None, "")


async def test_a_suspended_job_waits_for_admission_and_not_for_its_pods(seen: Seen) -> None:
    seen.job(spec={"suspend": True})
    assert seen.pending() == (None, "")
    assert seen.news()
    seen.job(spec={"suspend": False}, startTime=format_instant(START + 60))
    assert seen.pending() == (START + 60, "")
    assert seen.news()


async def test_a_job_that_has_ended_waits_for_nothing(seen: Seen) -> None:
    seen.job(conditions=[{"type": "Failed", "status": "True", "lastTransitionTime": AT}])
    assert seen.pending() == (None, "")


async def test_news_that_decide_nothing_are_not_reported(seen: Seen) -> None:
    seen.job(active=1)
    seen.job(active=2)
    assert not seen.news()


async def test_pods_that_are_seen_before_their_job_count(seen: Seen) -> None:
    seen.pod(RUNNING, uid="later", name="pod-later")
    assert not seen.news()
    seen.job_missing(REF, NAME)
    seen.job(event="ADDED", uid="later")
    assert seen.pending() == (None, "")


async def test_how_a_pod_ended_is_kept_until_its_job_goes(seen: Seen) -> None:
    seen.pod(TERMINATED)
    seen.pod(TERMINATED, event="DELETED")
    end = {"type": "Complete", "status": "True", "lastTransitionTime": AT}
    seen.job(succeeded=1, conditions=[end])
    (view,) = present(seen.views(REF))
    assert view.report is not None, "there is no need to wait for what its pods have to tell"


async def test_a_pod_that_ends_after_its_job_is_waited_for(seen: Seen) -> None:
    end = {"type": "Complete", "status": "True", "lastTransitionTime": AT}
    seen.job(succeeded=1, conditions=[end])
    (view,) = present(seen.views(REF))
    assert view.report is None
    seen.news()
    seen.pod(TERMINATED)
    assert seen.news()
    (view,) = present(seen.views(REF))
    assert view.report is not None


async def test_pods_that_never_tell_are_not_waited_for_long(seen: Seen) -> None:
    seen.job(succeeded=1, conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}])
    (view,) = present(seen.views(REF))
    assert view.report is None
    seen.news()
    await asyncio.sleep(1.1)
    assert seen.news()
    (view,) = present(seen.views(REF))
    assert view.report is not None


async def test_a_job_that_cleans_up_after_itself_is_shown_until_its_end_is_recorded(seen: Seen) -> None:
    end = [{"type": "Complete", "status": "True", "lastTransitionTime": AT}]
    seen.job(conditions=end)
    seen.job(conditions=end, event="DELETED")
    (view,) = present(seen.views(REF))
    assert view.report is not None
    seen.news()
    await asyncio.sleep(61)
    assert seen.views(REF) == ()
    assert seen.news()


async def test_a_job_whose_last_state_tells_its_end_has_ended(seen: Seen) -> None:
    seen.job(conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}], event="DELETED")
    (view,) = present(seen.views(REF))
    assert view.report is not None


async def test_a_job_that_we_have_deleted_ourselves_is_not_shown_again_when_its_deletion_is_seen(seen: Seen) -> None:
    end = [{"type": "Complete", "status": "True", "lastTransitionTime": AT}]
    seen.job(conditions=end)
    seen.forget(REF, present(seen.find(REF, NAME)))
    seen.job(conditions=end, event="DELETED")
    assert seen.views(REF) == ()


async def test_another_job_of_the_same_name_starts_afresh(seen: Seen) -> None:
    seen.pod(RUNNING)
    seen.job(event="ADDED", uid="another")
    assert seen.pending() == (START, "")


async def test_nothing_is_kept_of_pods_whose_jobs_are_not_there() -> None:
    seen = Seen()
    for number in range(50):
        seen.pod(RUNNING, uid=f"unseen-{number}")
        seen.pod(TERMINATED, uid=f"unseen-{number}")
        seen.pod(TERMINATED, uid=f"unseen-{number}", event="DELETED")
    assert seen.records_kept == 0


async def test_nothing_is_kept_of_a_job_that_is_gone_but_that_it_is(seen: Seen) -> None:
    seen.pod(RUNNING)
    seen.job(event="DELETED")
    seen.job_missing(REF, NAME)
    seen.pod(TERMINATED)
    seen.pod(TERMINATED, event="DELETED")
    assert seen.records_kept == 0


async def test_a_job_that_names_a_resource_of_another_namespace_as_its_owner_is_none_of_its_jobs(seen: Seen) -> None:
    reported: list[Ref] = []
    seen.report_to(reported.append)
    seen.job(event="ADDED", uid="forged-uid", metadata={"namespace": "evil", "name": f"nightly-{START + 60}"})
    (view,) = present(seen.views(REF))
    assert view.name == NAME
    assert REF not in reported, "the resource is not looked at because of it"


@pytest.mark.parametrize(
    "owner",
    [
        {"name": "hourly"},
        {"kind": "CronJob"},
        {"apiVersion": "batch/v1"},
        {"uid": "another-uid"},
        {"controller": False},
    ],
)
async def test_a_job_is_a_resources_only_if_its_controller_reference_agrees_in_every_field(
    owner: dict[str, Any],
) -> None:
    seen = Seen()
    seen.report_to(lambda ref: None)
    seen.job(event="ADDED", metadata={"ownerReferences": [OWNER | owner]})
    assert seen.views(REF) == ()


async def test_a_pod_of_another_namespace_changes_no_job(seen: Seen) -> None:
    seen.pod(RUNNING, namespace="evil")
    assert seen.pending() == (START, ""), "it did not begin"
    end = {"type": "Failed", "status": "True", "lastTransitionTime": AT}
    seen.job(failed=1, conditions=[end])
    seen.news()
    seen.pod(TERMINATED, namespace="evil")
    assert not seen.news()
    await asyncio.sleep(1.1)
    (view,) = present(seen.views(REF))
    assert "container" not in present(view.report).message


async def test_a_job_that_leaves_its_watch_without_an_end_is_to_be_read(seen: Seen) -> None:
    seen.job(event="DELETED")
    (view,) = present(seen.views(REF))
    assert view.unsure
    assert not seen.is_gone(REF, NAME)
    assert seen.news()


async def test_a_job_that_is_read_without_its_label_continues_and_is_read_again_in_a_while(seen: Seen) -> None:
    job = seen.job(event="DELETED")
    seen.job_read(REF, job)
    (view,) = present(seen.views(REF))
    assert (view.unsure, view.altered) == (False, True)
    seen.news()
    await asyncio.sleep(LOOK_AGAIN + 1)
    (view,) = present(seen.views(REF))
    assert view.unsure
    assert seen.news()


async def test_a_job_whose_label_is_put_back_is_followed_by_its_watch_again(seen: Seen) -> None:
    seen.job_read(REF, seen.job(event="DELETED"))
    seen.job(event="ADDED")
    (view,) = present(seen.views(REF))
    assert (view.unsure, view.altered) == (False, False)
    await asyncio.sleep(LOOK_AGAIN + 1)
    assert not present(seen.views(REF))[0].unsure


async def test_a_job_that_loses_its_controller_reference_stays_the_one_that_was_created(seen: Seen) -> None:
    seen.job(metadata={"ownerReferences": []})
    (view,) = present(seen.views(REF))
    assert view.altered
    seen.job(
        metadata={"ownerReferences": []}, conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}]
    )
    assert present(seen.views(REF))[0].report is not None


async def test_a_job_that_was_looked_for_and_is_not_there_is_gone(seen: Seen) -> None:
    seen.job(event="DELETED")
    seen.job_missing(REF, NAME)
    assert seen.views(REF) == ()
    assert seen.is_gone(REF, NAME)


async def test_a_history_of_two_thousand_jobs_is_rendered_once_and_not_at_each_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen()
    rendered: list[str] = []

    def counted(text: str) -> str:
        rendered.append(text)
        return clean(text)

    monkeypatch.setattr(job_reports, "clean", counted)
    end = {"type": "Failed", "status": "True", "lastTransitionTime": AT, "message": "password=hunter22 " * 20}
    for number in range(2000):
        name = f"nightly-{START - number}"
        seen.job(event="ADDED", uid=f"uid-{number}", metadata={"name": name}, conditions=[end])
    assert len(rendered) == 2000
    for _ in range(100):
        assert len(present(seen.views(REF))) == 2000
    assert len(rendered) == 2000


async def test_asking_for_views_changes_nothing(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.job(succeeded=1, conditions=[{"type": "Complete", "status": "True", "lastTransitionTime": AT}])
    seen.news()
    timers: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "call_at", lambda when, *_, **__: timers.append(when))
        assert seen.views(REF) == seen.views(REF)
    assert not seen.news()
    assert timers == []


def suspended_at(instant: int) -> Any:
    status = {"status": "True", "reason": "JobSuspended", "lastTransitionTime": format_instant(instant)}
    return [{"type": "Suspended", **status}]


async def test_a_job_that_is_created_suspended_waits_for_its_first_admission(seen: Seen) -> None:
    labels = {"kueue.x-k8s.io/queue-name": "user-queue"}
    seen.job(spec={"suspend": True}, metadata={"labels": labels}, conditions=suspended_at(START + 1))
    (view,) = present(seen.views(REF))
    assert view.admission == Admission(START + 1, "user-queue", again=False)
    seen.job(spec={"suspend": False}, metadata={"labels": labels}, startTime=format_instant(START + 9))
    assert present(seen.views(REF))[0].admission is None


@pytest.mark.parametrize("status", [{"conditions": suspended_at(START + 600)}, {"failed": 1}])
async def test_a_job_that_had_been_let_start_before_waits_again(seen: Seen, status: dict[str, Any]) -> None:
    seen.job(spec={"suspend": True}, **status)
    assert present(present(seen.views(REF))[0].admission).again


async def test_a_job_of_which_a_pod_was_seen_to_run_waits_again(seen: Seen) -> None:
    seen.pod(RUNNING)
    seen.job(spec={"suspend": True})
    assert present(present(seen.views(REF))[0].admission).again


async def test_a_job_of_another_controller_has_begun_when_that_controller_reports_it(seen: Seen) -> None:
    seen.job(spec={"managedBy": "kueue.x-k8s.io/multikueue"}, active=1)
    assert seen.pending() == (None, "")
    seen.job(spec={"managedBy": "kubernetes.io/job-controller"}, uid="another", active=1)
    assert seen.pending() == (START, "")


@pytest.mark.parametrize(("deleted", "leaving"), [(5, False), (2, True), (1, True)])
async def test_a_job_that_had_failed_before_its_deletion_began_has_its_own_end(deleted: Any, leaving: Any) -> None:
    seen = Seen()
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": format_instant(START + 2)}
    seen.job(metadata={"deletionTimestamp": format_instant(START + deleted)}, conditions=[failed])
    (view,) = present(seen.views(REF))
    assert view.leaving is leaving
    assert view.report is not None
