"""Jobs whose creation was carried out while its answer was lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doubles import START
from executors.local import all_listed
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import StartDeferred, Unavailable
from kalends.executors.jobs.executor import JobsExecutor
from kalends.kube.client.client import ApiClient
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to
from narrowing import present

pytestmark = pytest.mark.looptime

TEMPLATE = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}})
REF = Ref("blue", "nightly", "the-uid")
FIRST = Run(REF, f"nightly-{START}", START, TEMPLATE, "jobs")
LATER = replace(FIRST, name=f"nightly-{START + 60}", fire_time=START + 60)


class World:
    def __init__(self) -> None:
        clock = LoopClock()
        self.api = FakeApi(now=clock.now)
        self.jobs = JobsExecutor(ApiClient(self.api.connect(), clock), clock, all_listed())

    def names(self) -> list[str]:
        return [view.name for view in present(self.jobs.views(REF))]


@pytest.fixture
def world() -> World:
    return World()


async def test_no_other_job_is_created_before_the_one_that_is_there_is_known(world: World) -> None:
    world.api.faults.append(Fault(requests_to("POST"), lost="answer"))
    with pytest.raises(Unavailable):
        await world.jobs.start(FIRST)
    assert world.names() == []
    with pytest.raises(Unavailable, match="whose creation got no answer, is there"):
        await world.jobs.start(LATER)
    assert world.names() == [FIRST.name], "now it can be decided on"
    await world.jobs.start(LATER)
    assert sorted(world.names()) == [FIRST.name, LATER.name]


async def test_a_job_that_was_looked_for_and_does_not_exist_prevents_no_start(world: World) -> None:
    world.api.faults.append(Fault(requests_to("POST"), lost="request"))
    with pytest.raises(Unavailable):
        await world.jobs.start(FIRST)
    with pytest.raises(Unavailable, match="is not there"):
        await world.jobs.start(LATER)  # what was decided before the look is decided anew
    await world.jobs.start(LATER)
    assert world.names() == [LATER.name]


async def test_while_the_answer_is_unknown_nothing_is_created(world: World) -> None:
    world.api.faults += [Fault(requests_to("POST"), lost="answer"), Fault(requests_to("GET"), times=None, status=403)]
    with pytest.raises(Unavailable):
        await world.jobs.start(FIRST)
    with pytest.raises(Unavailable):
        await world.jobs.start(LATER)
    assert world.api.count_of("POST", "/jobs") == 1


async def test_one_that_was_refused_for_now_is_not_looked_for(world: World) -> None:
    world.api.faults.append(Fault(requests_to("POST"), status=429))
    with pytest.raises(Unavailable):
        await world.jobs.start(FIRST)
    await world.jobs.start(LATER)
    assert world.api.count_of("GET", "/jobs") == 0


async def test_a_refusal_is_certain_unless_an_earlier_creation_of_the_same_job_got_no_answer(world: World) -> None:
    world.api.faults.append(Fault(requests_to("POST"), status=403))
    with pytest.raises(StartDeferred):
        await world.jobs.start(FIRST)
    world.api.faults += [Fault(requests_to("POST"), lost="answer"), Fault(requests_to("POST"), status=403)]
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            await world.jobs.start(FIRST)
        assert not isinstance(raised.value, StartDeferred)
    await world.jobs.start(FIRST)
    assert world.names() == [FIRST.name]


@pytest.mark.parametrize("status", [500, 503, 504])
async def test_an_error_of_the_server_leaves_open_whether_the_job_was_created(world: World, status: int) -> None:
    world.api.faults.append(Fault(requests_to("POST"), status=status))
    with pytest.raises(Unavailable) as raised:
        await world.jobs.start(FIRST)
    assert not isinstance(raised.value, StartDeferred)


async def test_a_job_that_was_looked_for_and_is_not_there_leaves_nothing_open(world: World) -> None:
    world.api.faults.append(Fault(requests_to("POST"), lost="request"))
    with pytest.raises(Unavailable):
        await world.jobs.start(FIRST)
    with pytest.raises(StartDeferred):
        await world.jobs.start(LATER)
