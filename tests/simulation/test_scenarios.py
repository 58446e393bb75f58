"""What the simulation has found, each as a scenario of its own: seeds change their meaning, these do not.

A scenario sets the stage, and lets chance do the rest: it is lived a few times over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kalends.settings import JobSettings
from narrowing import present
from simulation import feed
from simulation import world as surroundings
from simulation.behaviour import Manner
from simulation.loop import Process
from simulation.network import FAIR, Weather
from simulation.replicas import Replica
from simulation.server import JOBS, SCHEDULED_JOBS
from simulation.users import Manifest
from simulation.world import History, World, run

SEEDS = ["scenario-0", *(pytest.param(f"scenario-{number}", marks=pytest.mark.slow) for number in range(1, 4))]
DOWN = Weather(down=True)
QUICK = Manner(usual=(0.1, 0.3))


def lived(seed: str, script: Callable[..., Any], **around: Any) -> History:
    """Live by a script, to a settled end in which every invariant must hold."""

    async def to_the_end(world: World) -> None:
        await script(world)
        world.faults.stop()
        world.behaviour.troubled = False
        await asyncio.sleep(60)
        world.audit.settled()

    history = run(seed, to_the_end, **around)
    assert not history.wrong, str(history)
    return history


async def started(world: World, *, where: str = "jobs", manner: Manner = QUICK, **spec: Any) -> Manifest:
    """Start all replicas, and create one resource that they have seen."""
    for replica in world.replicas:
        replica.start()
    await asyncio.sleep(2)
    world.behaviour.manners[1] = manner
    manifest = Manifest("alpha", 1, where, 1, spec)
    world.users.make(manifest)
    await asyncio.sleep(0.5)
    return manifest


async def until(holds: Callable[..., Any], at_most: float = 60.0) -> None:
    for _ in range(int(at_most / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to that")


def conditions(job: Any) -> list[dict[str, str]]:
    return job.get("status", {}).get("conditions") or []


def leader_of(world: World) -> tuple[Replica, Process]:
    processes = [(replica, present(replica.process)) for replica in world.replicas if replica.process is not None]
    return next(pair for pair in processes if pair[1].name == world.audit.leader)


def counts(world: World) -> dict[str, int]:
    found = present(world.server.find(SCHEDULED_JOBS, "alpha"))
    return dict(found["status"]["counts"])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edit_to_no_schedule_at_all_does_not_run_for_the_creation(seed: str) -> None:
    async def script(world: World) -> None:
        await started(world, schedule="*/2 * * * *", suspend=False)
        world.users.edit("alpha", {"schedule": None}, "takes the schedule of")
        await asyncio.sleep(5)

    history = lived(seed, script)
    assert history.runs <= 1  # of the schedule itself, where its minute has just begun


@pytest.mark.parametrize("seed", SEEDS)
def test_no_more_jobs_are_unfinished_than_may_be_through_crashes_of_the_operator(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALONE", "WITH_A_LEASE"):
        limited = getattr(surroundings, name).model_copy(update={"jobs": JobSettings(max_running=2)})
        monkeypatch.setattr(surroundings, name, limited)
    most = []

    async def script(world: World) -> None:
        await started(world, trigger={"interval": {"seconds": 4}}, coalesce="All", concurrencyPolicy="Allow")
        for life, name in enumerate(("beta", "gamma", "delta"), start=2):
            world.behaviour.manners[life] = QUICK
            world.users.make(Manifest(name, life, "jobs", life, {"trigger": {"interval": {"seconds": 4}}}))
        for turn in range(40):
            await asyncio.sleep(1.0)
            ends = [condition["type"] for job in world.server.all(JOBS) for condition in conditions(job)]
            ended = sum(end in {"Complete", "Failed"} for end in ends)
            most.append(len(world.server.all(JOBS)) - ended)
            if turn % 13 == 12:
                world.replicas[0].kill()

    history = lived(seed, script)
    assert history.runs > 4
    assert max(most) <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_job_of_the_old_schedule_takes_no_fire_time_from_the_new_one(seed: str) -> None:
    async def script(world: World) -> None:
        await started(world, trigger={"interval": {"seconds": 10}}, coalesce="All", concurrencyPolicy="Allow")
        # The feed hears nothing of the edit, and the operator dies between creating a Job and recording it.
        await until(lambda: world.server.count_of("POST", "/jobs") > 2)
        replica = world.replicas[0]
        present(replica.connection).break_watches(world.chance)
        made = world.server.count_of("POST", "/jobs")
        world.users.edit("alpha", {"trigger": {"interval": {"seconds": 3}}}, "edits the schedule of")
        await until(lambda: world.server.count_of("POST", "/jobs") > made)
        replica.kill()
        await asyncio.sleep(15)

    lived(seed, script)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_that_asks_for_patience_gets_no_job_of_an_old_spec_once_the_new_one_was_seen(seed: str) -> None:
    async def script(world: World) -> None:
        await started(world, trigger={"interval": {"seconds": 4}})
        await asyncio.sleep(3)
        world.network.weather = Weather(refused=0.6)
        for _ in range(12):
            await asyncio.sleep(1.3)
            world.users.edit_what("alpha")
        world.network.weather = FAIR
        await asyncio.sleep(5)

    lived(seed, script)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_job_is_made_of_a_spec_when_metadata_of_a_newer_version_was_seen(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LARGE", 1.0)

    async def script(world: World) -> None:
        await started(world, trigger={"interval": {"seconds": 4}})
        for _ in range(12):
            world.network.weather = Weather(refused=0.6)
            world.users.edit_what("alpha")
            await asyncio.sleep(2.5)
            world.network.weather = FAIR
            await asyncio.sleep(0.8)

    lived(seed, script)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_job_that_went_while_the_watches_were_away_does_not_stay_active(seed: str) -> None:
    async def script(world: World) -> None:
        await started(world, trigger={"interval": {"seconds": 5}})
        present(world.replicas[0].connection).break_watches(world.chance)
        world.server.objects.compact()
        before = len(world.server.all(JOBS))
        await until(lambda: len(world.server.all(JOBS)) > before)
        world.network.weather = DOWN
        for job in world.server.all(JOBS):
            world.server.delete(JOBS, job["metadata"]["name"])
        world.server.objects.compact()
        await asyncio.sleep(8)
        world.network.weather = FAIR

    lived(seed, script)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_job_that_has_started_unseen_is_not_taken_for_one_that_never_did(seed: str) -> None:
    async def script(world: World) -> None:
        slow = Manner(usual=(20.0, 20.0))
        await started(world, manner=slow, trigger={"interval": {"seconds": 15}}, pendingTimeoutSeconds=5)
        await until(lambda: world.server.all(JOBS))
        world.network.weather = DOWN
        world.server.end_watches(broken=True)
        await asyncio.sleep(10)
        world.network.weather = FAIR

    history = lived(seed, script)
    assert "PendingTimeout" not in str(history)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leader_that_was_paused_for_forty_seconds_does_no_harm(seed: str) -> None:
    async def script(world: World) -> None:
        await started(world, where="default", trigger={"interval": {"seconds": 3}}, manner=Manner(usual=(0.5, 5.0)))
        await until(lambda: world.audit.leader)
        await asyncio.sleep(6)
        leader, process = leader_of(world)
        process.after_steps(world.chance.whole(0, 30), lambda: leader.pause(40))
        await asyncio.sleep(18)
        assert world.audit.leader not in {"", process.name}, "no replica took over"
        await asyncio.sleep(30)

    lived(seed, script, replicas=2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("end", "seconds"), [("kill", 17.0), ("terminate", 2.0)])
def test_the_lead_passes_within_the_duration_of_a_lease_and_at_once_where_it_is_given_up(
    seed: str, end: str, seconds: float
) -> None:
    async def script(world: World) -> None:
        await started(world, where="default", trigger={"interval": {"seconds": 3}})
        await until(lambda: world.audit.leader)
        await asyncio.sleep(world.chance.between(0, 6))
        leader, process = leader_of(world)
        leader.restarts = False
        getattr(leader, end)()
        await until(lambda: world.audit.leader not in {"", process.name}, at_most=seconds)

    lived(seed, script, replicas=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_operator_that_is_terminated_leaves_no_claim_behind(seed: str) -> None:
    async def script(world: World) -> None:
        manner = Manner(usual=(0.5, 20.0))
        await started(world, where="heavy", trigger={"interval": {"seconds": 2}}, maxInstances=2, manner=manner)
        await asyncio.sleep(world.chance.between(4, 12))
        (replica,) = world.replicas
        replica.restarts = False
        replica.terminate()
        await until(lambda: replica.process is None)
        assert counts(world)["active"] == 0
        replica.start()

    history = lived(seed, script)
    assert "Lost" not in str(history)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", [600, -600, 86_400, -86_400])
def test_a_stepped_clock_makes_nothing_happen_twice(seed: str, step: int) -> None:
    async def script(world: World) -> None:
        await started(world, where="default", trigger={"interval": {"seconds": 7}}, coalesce="Latest")
        await asyncio.sleep(10)
        world.replicas[0].step_clock(step)
        await asyncio.sleep(15)
        world.replicas[0].step_clock(-step)
        await asyncio.sleep(10)

    lived(seed, script)


SLOW = Manner(usual=(25.0, 25.0))
JOB_A_FEW_SECONDS: dict[str, Any] = {"trigger": {"interval": {"seconds": 5}}, "concurrencyPolicy": "Forbid"}


def running_jobs(world: World) -> list[str]:
    jobs = world.server.all(JOBS)
    return [job["metadata"]["name"] for job in jobs if not (job.get("status") or {}).get("completionTime")]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("label", [False, True], ids=["with its label", "without its label"])
def test_a_job_stripped_of_its_owner_while_the_operator_is_away_keeps_its_run(seed: str, label: bool) -> None:
    async def script(world: World) -> None:
        await started(world, manner=SLOW, **JOB_A_FEW_SECONDS)
        await until(lambda: counts(world)["active"] == 1)
        (replica,) = world.replicas
        replica.kill()
        (running,) = running_jobs(world)
        world.users.strip_owners(running, label=label)
        await until(lambda: counts(world)["skipped"] >= 2)
        assert running_jobs(world) == [running], "a second run started beside it"
        await until(lambda: counts(world)["succeeded"] >= 1)
        assert counts(world)["lost"] == 0

    lived(seed, script)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_job_stripped_of_its_owner_before_it_was_recorded_is_its_run(seed: str) -> None:
    async def script(world: World) -> None:
        (replica,) = world.replicas
        world.server.listeners.append(
            lambda _, write: replica.kill() if write.collection == JOBS and write.kind == "ADDED" and not made else None
        )
        made: list[str] = []
        await started(world, manner=SLOW, **JOB_A_FEW_SECONDS)
        await until(lambda: world.server.all(JOBS))
        made += running_jobs(world)
        world.users.strip_owners(made[0])
        await until(lambda: counts(world)["skipped"] >= 2)
        assert running_jobs(world) == made, "a second run started beside it"
        await until(lambda: counts(world)["succeeded"] >= 1)
        assert (counts(world)["lost"], counts(world)["failed"]) == (0, 0)

    lived(seed, script)
