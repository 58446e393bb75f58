"""Every example is what it says it is. That the API server takes it and the operator runs it is for tests/cluster."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from doubles import START, LoopClock, ObjectStore, Pool
from kalends.cli.main import cli
from kalends.cli.manifests.files import Manifest, read_manifests
from kalends.engine.core.compiler import Surroundings, compile_schedule
from kalends.engine.core.schedule import Schedule, TaskCall
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Run
from kalends.executors.from_settings import target_check
from kalends.model import check_manifest, format_instant
from kalends.settings import ExecutorKind, Settings
from kalends.stores.objects import read_object
from kalends.tasks import CurrentRun, Registry
from kalends.tasks.context import enter
from narrowing import known, present

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = EXAMPLES.parent / "own-image"
SETTINGS_FILE = EXAMPLES.parent / "docs" / "settings.yaml"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
BY_FILE = pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(EXAMPLES)) for file in FILES])
CRONJOB_FIELDS = {
    "schedule",
    "timeZone",
    "startingDeadlineSeconds",
    "concurrencyPolicy",
    "suspend",
    "jobTemplate",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
}


def manifests_of(folder: str) -> list[Manifest]:
    return list(read_manifests([EXAMPLES / folder]))


def all_manifests() -> list[Manifest]:
    return list(read_manifests(FILES))


def read_as_the_operator_would(manifest: Manifest) -> Schedule:
    settings = Settings.load()
    check = target_check(Registry.load(settings.task_modules), settings.executors)
    stored = read_object(as_stored(manifest))
    assert stored.definition is not None, stored.problem
    return compile_schedule(stored, stored.definition, Surroundings(check=check))


def as_stored(manifest: Manifest) -> dict[str, Any]:
    given = {
        "namespace": "default",
        "uid": f"uid-of-{manifest.name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": format_instant(START),
    }
    return {**manifest.obj, "metadata": {**manifest.obj["metadata"], **given}}


def test_the_folder_contains_only_manifests_in_numbered_folders() -> None:
    folders = set(EXAMPLES.glob("[0-9][0-9]-*"))
    assert {file.parent for file in FILES} == folders == set(EXAMPLES.iterdir())
    assert set(FILES) == {path for path in EXAMPLES.rglob("*") if path.is_file()}
    assert len(FILES) >= 16


@BY_FILE
def test_the_schema_has_nothing_to_say_against_it(file: Path) -> None:
    for manifest in read_manifests([file]):
        assert check_manifest(manifest.obj) == []


@BY_FILE
def test_validate_calls_it_valid(file: Path) -> None:
    done = CliRunner().invoke(cli, ["validate", str(file)])
    assert (done.exit_code, "valid" in done.output) == (0, True), done.output


@BY_FILE
def test_the_operator_accepts_it_with_the_default_settings(file: Path) -> None:
    for manifest in read_manifests([file]):
        read_as_the_operator_would(manifest)


@BY_FILE
def test_it_begins_with_what_one_will_see(file: Path) -> None:
    comment, manifest, _ = file.read_text().partition("\napiVersion:")
    assert manifest
    assert all(line.startswith("#") for line in comment.splitlines())
    assert "# Expected:" in comment


@BY_FILE
def test_the_commands_in_its_comment_name_files_that_there_are(file: Path) -> None:
    for word in file.read_text().split():
        if word.startswith("examples/"):
            assert (EXAMPLES.parent / word.rstrip(".,:;)")).exists(), word


def test_no_two_have_the_same_name() -> None:
    names = [manifest.name for manifest in all_manifests()]
    assert len(names) == len(set(names))


def run_locally(tmp_path: Path, seconds: int, *files: Path) -> str:
    """Return what `kalends run` prints, without settings: the way of the README."""
    words = [
        "run",
        *map(str, files),
        "--local-commands",
        "--for",
        f"{seconds}s",
        "--store",
        str(tmp_path / "kalends.db"),
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return done.output


@BY_FILE
def test_kalends_run_takes_it_without_settings(file: Path, tmp_path: Path) -> None:
    assert "must be" not in run_locally(tmp_path, 0, file)


def test_kalends_run_accepts_the_whole_folder(tmp_path: Path) -> None:
    assert "must be" not in run_locally(tmp_path, 0, EXAMPLES)


@pytest.mark.slow
def test_kalends_run_runs_all_of_them_side_by_side(tmp_path: Path) -> None:
    output = run_locally(tmp_path, 24, EXAMPLES)
    for manifest in all_manifests():
        states = [line for line in output.splitlines() if line.startswith(f"default/{manifest.name} ")]
        assert any(f" {state}" in line for line in states for state in ("Armed", "Started", "Suspended")), output
    for name in ("heartbeat", "isolated", "once", "on-demand", "three-times", "late-for-work"):
        assert f"default/{name} Succeeded" in output, output
    for line in (
        "default/late-for-work Missed",
        "default/slower-than-its-schedule Skipped",
        "default/newest-wins Cancelled",
        "default/too-slow",
    ):
        assert line in output, output
    assert "Failed" not in output, output


def test_nothing_of_a_cronjob_but_its_kind_is_changed_in_the_first() -> None:
    (manifest,) = manifests_of("01-from-cronjob")
    assert manifest.obj["spec"].keys() <= CRONJOB_FIELDS
    assert manifest.obj["spec"]["jobTemplate"].keys() <= {"metadata", "spec"}


def test_the_process_example_runs_in_a_pool_of_processes() -> None:
    (manifest,) = manifests_of("03-interval-process")
    assert Settings.load().executors[manifest.obj["spec"]["executor"]].kind is ExecutorKind.PROCESSES


def test_the_date_is_armed_and_fires_once() -> None:
    (manifest,) = manifests_of("04-once-on-a-date")
    trigger = read_as_the_operator_would(manifest).trigger
    at = present(known(trigger.next_after(START)))
    assert format_instant(at) == "2039-12-31T23:00:00Z"
    assert trigger.next_after(at) is None


class SleepyPool(Pool):
    """A pool in which `kalends.sleep` takes as long as it is asked to, in loop time."""

    async def start(self, run: Run) -> None:
        assert isinstance(run.target, TaskCall)
        self.seconds = float(run.target.args[0]) if run.target.name == "kalends.sleep" else 0.0
        await super().start(run)


async def status_after(seconds: float, folder_file: str) -> dict[str, dict[str, Any]]:
    """Return the status of each ScheduledJob of a file after it has run for so long, in fake time."""
    store, clock = ObjectStore(), LoopClock()
    configured = Settings.load().executors
    pools = {alias: SleepyPool(one.workers, clock=clock) for alias, one in configured.items()}
    scheduler = Scheduler(clock=clock, store=store, pools=pools, identity="me")
    names = []
    for manifest in read_manifests([EXAMPLES / folder_file]):
        store.put(as_stored(manifest))
        scheduler.observe(store.snapshot(f"default/{manifest.name}"))
        names.append(manifest.name)
    going = asyncio.create_task(scheduler.run())
    await asyncio.sleep(seconds)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    return {name: store.status(f"default/{name}") for name in names}


@pytest.mark.looptime
async def test_the_slow_one_skips_two_of_three() -> None:
    status = (await status_after(62, "07-misfires/skipped.yaml"))["slower-than-its-schedule"]
    assert status["lastMisfire"]["reason"] == "TooManyInstances"
    counts = status["counts"]
    assert (counts["due"], counts["started"], counts["skipped"]) == (20, 7, 13)


@pytest.mark.looptime
async def test_every_second_run_of_the_late_one_is_missed() -> None:
    status = (await status_after(62, "07-misfires/missed.yaml"))["late-for-work"]
    assert status["lastMisfire"]["reason"] == "WaitedTooLong"
    assert (status["counts"]["due"], status["counts"]["started"], status["counts"]["missed"]) == (20, 10, 10)


@pytest.mark.looptime
async def test_the_one_without_a_trigger_runs_once_and_the_suspended_one_not_at_all() -> None:
    once = (await status_after(3600, "05-once-now/scheduledjob.yaml"))["once"]
    resting = (await status_after(3600, "06-suspended/scheduledjob.yaml"))["resting"]
    assert (once["counts"]["due"], once["counts"]["succeeded"]) == (1, 1)
    assert resting.get("counts", {}).get("due", 0) == 0


def test_the_settings_file_of_the_documentation_adds_an_executor_to_the_default_ones() -> None:
    documented = Settings.load(SETTINGS_FILE).executors
    default = Settings.load().executors
    assert default.items() <= documented.items()
    assert documented.keys() - default.keys() == {"single"}


def test_the_commands_of_the_own_image_run_its_task_without_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comment = (OWN / "scheduledjob.yaml").read_text().partition("\napiVersion:")[0]
    (command,) = [line.removeprefix("#   ") for line in comment.splitlines() if line.startswith("#   kalends run")]
    monkeypatch.chdir(OWN)
    monkeypatch.syspath_prepend(OWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    store = ["--for", "0s", "--store", str(tmp_path / "kalends.db")]
    done = CliRunner().invoke(cli, [*command.split()[1:], *store])
    monkeypatch.delitem(sys.modules, "acme_reports", raising=False)
    assert (done.exit_code, "default/revenue Armed" in done.output) == (0, True), done.output


def test_the_package_of_the_own_image_registers_the_task_that_its_schedule_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(OWN)
    project = tomllib.loads((OWN / "pyproject.toml").read_text())["project"]
    modules = project["entry-points"]["kalends.tasks"].values()
    assert tuple(modules) == Settings.load(OWN / "settings.yaml").task_modules
    registry = Registry.load(tuple(modules))
    monkeypatch.delitem(sys.modules, "acme_reports")
    (manifest,) = read_manifests([OWN / "scheduledjob.yaml"])
    task = manifest.obj["spec"]["task"]
    registry.check_call(task["name"], task["args"], task["kwargs"])
    revenue = registry.find(task["name"]).function

    def carry_out() -> object:
        enter(CurrentRun("revenue-0", "default", "revenue", START, attempt=1, last_successful=None))
        return revenue(*task["args"], **task["kwargs"])

    until = format_instant(START).replace("Z", "+00:00")
    assert copy_context().run(carry_out) == {"region": "north", "currency": "USD", "until": until}
