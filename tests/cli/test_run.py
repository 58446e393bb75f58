"""``kalends run`` as users run it: a separate process, in real time."""

from __future__ import annotations

import os
import pty
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from kalends.model import format_instant

Command = Callable[..., Result]
Local = Callable[..., Any]
Main = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]

COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
EVERY_SECOND = {"trigger": {"interval": {"seconds": 1}}}


def sleeping(seconds: float, **spec: Any) -> dict[str, Any]:
    return {**spec, "task": {"name": "kalends.sleep", "args": [seconds]}}


def container(script: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": "none", "command": ["sh", "-c", script]}]}
    return {"jobTemplate": {"spec": {"template": {"spec": spec}}}}


def in_seconds(seconds: float) -> str:
    return format_instant(int(time.time() + seconds) + 1)


@pytest.mark.slow
def test_in_a_pipe_it_prints_plain_lines_and_ends_when_nothing_is_left(local: Local, write: Write) -> None:
    code, out, err = local(write("a.yaml", once={"task": {"name": "kalends.echo", "args": ["[done]"]}})).rest()
    assert (code, err) == (0, "")
    first, *_, last = out.splitlines()
    assert first.startswith("default/once Started 2")
    assert last.startswith("default/once Succeeded 2")
    assert last.endswith('Z: {"args":["[done]"],"kwargs":{}}')
    assert "\x1b" not in out


@pytest.mark.slow
def test_for_ends_a_scheduler_that_would_continue_and_lets_runs_finish(local: Local, write: Write) -> None:
    code, out, _ = local(write("a.yaml", slow=sleeping(6), often=EVERY_SECOND), "--for", "5s").rest()
    assert code == 0
    assert "default/slow Succeeded" in out


@pytest.mark.slow
def test_a_date_that_has_run_is_not_repeated_after_sigkill(local: Local, kalends: Command, write: Write) -> None:
    file = see_soon(kalends, write, often={"trigger": {"interval": {"hours": 1}}})
    first = local(file)
    first.until("default/dated Started")
    first.until("default/dated Succeeded")
    first.kill()
    again = kalends("run", file, "--for", "1s", "--store", file.parent / "kalends.db")
    assert again.exit_code == 0
    assert "default/dated" not in again.stdout


@pytest.mark.slow
def test_a_run_that_was_killed_is_lost_not_repeated(local: Local, kalends: Command, write: Write) -> None:
    file = see_soon(kalends, write, dated=sleeping(60))
    first = local(file)
    first.until("default/dated Started")
    first.kill()
    again = kalends("run", file, "--store", file.parent / "kalends.db")
    assert again.exit_code == 0
    assert "default/dated Lost" in again.stdout
    assert "Started" not in again.stdout


def see_soon(kalends: Command, write: Write, **resources: dict[str, Any]) -> Path:
    """Have the store know of a date that is near: one that is over when it is first seen never fires."""
    shown = ""
    for ahead in (1, 4, 16):
        trigger = {"date": {"at": in_seconds(ahead)}}
        file = write("a.yaml", **{**resources, "dated": {**resources.get("dated", {}), "trigger": trigger}})
        shown = kalends("run", file, "--for", "0s", "--store", file.parent / "kalends.db").stdout
        if "default/dated Armed" in shown:
            return file
    raise AssertionError(shown)


def test_containers_run_only_where_asked_for(kalends: Command, write: Write, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    file = write("a.yaml", job=container(f'echo "$KALENDS_RUN" > {ran}; echo "well done" > "$KALENDS_TERMINATION_LOG"'))
    refused = kalends("run", file, "--store", tmp_path / "one.db")
    assert refused.exit_code == 1
    assert "spec.jobTemplate: needs Kubernetes" in refused.stdout
    assert "--local-commands" in refused.stdout
    assert not ran.exists()
    allowed = kalends("run", file, "--local-commands", "--store", tmp_path / "two.db")
    assert allowed.exit_code == 0
    assert "default/job Succeeded" in allowed.stdout
    assert "well done" in allowed.stdout
    assert ran.read_text().startswith("job-")


def test_a_damaged_row_keeps_no_other_manifest_from_running(kalends: Command, write: Write, tmp_path: Path) -> None:
    store = tmp_path / "k.db"
    file = write("a.yaml", damaged={}, sound={})
    kalends("run", write("first/a.yaml", damaged={}), "--for", "0s", "--store", store)
    db = sqlite3.connect(store, isolation_level=None)
    db.execute("UPDATE scheduled_jobs SET created = 'yesterday'")
    db.close()
    result = kalends("run", file, "--store", store)
    assert result.exit_code == 1
    assert "the row of default/damaged is damaged: created must be an instant" in result.stderr
    assert "default/sound Succeeded" in result.stdout


@pytest.mark.slow
def test_a_second_run_on_the_same_store_is_refused(local: Local, main: Main, write: Write) -> None:
    file = write("a.yaml", often={"trigger": {"interval": {"hours": 1}}})
    first = local(file)
    first.until("Armed")
    code, out, err = main("run", file, "--store", file.parent / "kalends.db")
    assert (code, out) == (2, "")
    assert "kalends.db must be a job store that no other `kalends run` has open" in err
    first.send(signal.SIGTERM)
    assert first.rest()[0] == 0


def test_sigterm_lets_a_short_run_end_and_records_it(local: Local, kalends: Command, write: Write) -> None:
    file = write("a.yaml", short=sleeping(0.6), often={"trigger": {"interval": {"hours": 1}}})
    first = local(file)
    first.until("default/short Started")
    first.send(signal.SIGTERM)
    code, out, err = first.rest()
    assert (code, err) == (0, "")
    assert "default/short Succeeded" in out
    again = kalends("run", file, "--for", "0s", "--store", file.parent / "kalends.db")
    assert "default/short" not in again.stdout


def test_a_second_ctrl_c_gives_up_at_once_and_records_that(local: Local, write: Write) -> None:
    # Longer than the test waits: only a second request to stop ends it.
    running = local(
        write("a.yaml", endless=sleeping(600)), before="from kalends.cli.run import local; local.STOP_SECONDS = 600"
    )
    running.until("default/endless Started")
    for patience in (1, 60, 60):  # on a busy machine, two signals in a moment may arrive as one
        running.send(signal.SIGINT)
        if running.ended_within(patience):
            break
    code, out, err = running.rest()
    assert (code, err) == (0, "")
    assert "default/endless Cancelled" in out


def test_the_good_ones_of_a_folder_run_whatever_else_is_in_it(kalends: Command, write: Write, tmp_path: Path) -> None:
    write("all/good.yaml", good={}, bad={"schedule": 1}, unknown={"task": {"name": "kalends.ecko"}})
    (tmp_path / "all/broken.yml").write_text("a: [")
    (tmp_path / "all/mixed.yaml").write_text(
        "apiVersion: v1\nkind: Secret\n---\napiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\n"
        "metadata: {name: mixed}\nspec: {task: {name: kalends.echo}}"
    )
    result = kalends("run", tmp_path / "all", "--store", tmp_path / "k.db")
    assert result.exit_code == 1
    for name in ("good", "mixed"):
        assert f"default/{name} Succeeded" in result.stdout
    assert "did you mean 'kalends.echo'?" in result.stdout
    assert "all/good.yaml: bad: spec.schedule: must be" in result.stderr
    assert "all/broken.yml: document 1: line 2: must be YAML or JSON" in result.stderr


def test_it_reads_standard_input(kalends: Command, write: Write, tmp_path: Path) -> None:
    text = write("a.yaml", piped={}).read_text()
    result = kalends("run", "-", "--store", tmp_path / "k.db", given=text)
    assert (result.exit_code, "default/piped Succeeded" in result.stdout) == (0, True)


@pytest.mark.slow
def test_it_ends_when_its_output_is_closed(local: Local, write: Write) -> None:
    running = local(write("a.yaml", often=EVERY_SECOND))
    running.until("Started")
    running.process.stdout.close()
    running.process.stdout = None
    code, _, err = running.rest()
    assert (code, err) == (0, "")


@pytest.mark.slow
def test_on_a_terminal_it_draws_tables_and_keeps_what_runs_print_out_of_them(local: Local, write: Write) -> None:
    ours, theirs = pty.openpty()
    file = write(
        "a.yaml",
        job=container('echo printed; echo "[/b] result" > "$KALENDS_TERMINATION_LOG"'),
        bad={"task": {"name": "[/b]"}},
    )
    running = local(file, "--local-commands", stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = read_all(ours)
    assert running.rest()[0] == 1
    shown = COLOURS.sub("", shown)
    last_picture = shown[shown.rindex("Next run") :]
    for words in ("job", "Succeeded", "[/b] result", "Exhausted", "bad: spec.task.name: must be"):
        assert words in last_picture
    assert "printed\r\n" in shown
    assert "printed" not in last_picture


def read_all(terminal: int) -> str:
    shown = b""
    try:
        while part := os.read(terminal, 65536):
            shown += part
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(terminal)
    return shown.decode()


@pytest.mark.parametrize("duration", ["5x", "", "-1", "1d", "soon"])
def test_what_is_no_duration_is_a_usage_error(kalends: Command, write: Write, duration: str) -> None:
    result = kalends("run", write("a.yaml", x={}), "--for", duration)
    assert (result.exit_code, "must be like '90s', '5m' or '1h30m'" in result.stderr) == (2, True)


def test_settings_that_cannot_be_read_are_one_line_and_exit_code_2(main: Main, write: Write, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("executors: {x: {kind: threds}}")
    code, out, err = main("run", write("a.yaml", x={}), "--config", tmp_path / "settings.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("kalends: executors.x.kind must be")
    assert err.count("\n") == 1
    code, out, err = main("run", tmp_path, "--config", tmp_path / "nowhere.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("kalends: the settings file must be readable YAML")


def test_without_a_valid_manifest_it_runs_nothing(kalends: Command, write: Write, tmp_path: Path) -> None:
    store = tmp_path / "k.db"
    result = kalends("run", write("a.yaml", bad={"schedule": 1}), "--store", store)
    assert (result.exit_code, store.exists()) == (1, False)
    assert "bad: spec.schedule: must be" in result.stderr


def test_a_run_that_is_asked_for_by_an_annotation_runs_once(local: Local, kalends: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\n"
        "metadata: {name: asked, annotations: {kalends.dev/run-requested: first}}\n"
        "spec: {suspend: true, schedule: '@yearly', task: {name: kalends.echo}}\n"
    )
    first = local(file)
    first.until("default/asked Succeeded")
    first.send(signal.SIGTERM)
    assert first.rest()[0] == 0
    again = kalends("run", file, "--for", "1s", "--store", tmp_path / "kalends.db")
    assert "default/asked Started" not in again.stdout


def test_a_template_that_needs_a_cluster_is_refused_with_what_for(
    kalends: Command, write: Write, tmp_path: Path
) -> None:
    job = container("true")
    job["jobTemplate"]["spec"]["template"]["spec"]["initContainers"] = [{"name": "first", "command": ["true"]}]
    result = kalends("run", write("a.yaml", job=job), "--local-commands", "--store", tmp_path / "k.db")
    assert result.exit_code == 1
    assert (
        "spec.jobTemplate.spec.template.spec.initContainers: must not be set to run without a cluster" in result.stdout
    )
    assert "Started" not in result.stdout
