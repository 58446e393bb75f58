"""The scheduler of a Flask application: in programs, in the commands of flask, with its reloader, in a WSGI server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask, current_app

from devcluster.waiting import eventually
from integrations.processes import answers, free_port, lines, running
from kalends.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from kalends.executors.pool import ThreadPoolExecutor
from kalends.integrations.flask import init_app
from kalends.jobstores.memory import MemoryJobStore
from kalends.schedulers.background import BackgroundScheduler
from kalends.schedulers.blocking import BlockingScheduler

APPLICATION = """
import os
from flask import Flask, current_app
from kalends.integrations.flask import init_app
from kalends.jobstores.memory import MemoryJobStore
from kalends.schedulers.background import BackgroundScheduler

def work():
    with open("ran", "a") as ran:
        ran.write(f"{current_app.name} {os.getpid()}\\n")

app = Flask("shop")
app.config["KALENDS"] = {"timezone": "Europe/Berlin"}
scheduler = BackgroundScheduler()
scheduler.add_job(work, "cron", second="*", id="work")
init_app(app, scheduler)

@app.get("/")
def running():
    return f"{os.getpid()} {scheduler.running} {scheduler.timezone}"
"""


@pytest.fixture
def scheduler() -> Iterator[BackgroundScheduler]:
    found = BackgroundScheduler(timezone="UTC")
    yield found
    if found.running:
        found.shutdown()


def test_jobs_are_called_in_the_application_context(scheduler: BackgroundScheduler) -> None:
    app = Flask("shop")
    seen: list[str] = []
    ran = threading.Event()

    def job() -> None:
        seen.append(current_app.name)
        ran.set()

    scheduler.add_job(job)
    init_app(app, scheduler)
    assert app.extensions["kalends"] is scheduler
    assert ran.wait(60)
    assert seen == ["shop"]


def test_an_error_of_the_context_is_an_error_of_the_run(scheduler: BackgroundScheduler) -> None:
    def broken() -> Any:
        raise ConnectionError("no database")

    failed: list[JobExecutionEvent] = []
    scheduler.add_executor(ThreadPoolExecutor(context=broken), "default")
    scheduler.add_listener(failed.append, EVENT_JOB_ERROR)
    scheduler.add_job(print, id="a")
    init_app(Flask("shop"), scheduler)
    eventually(lambda: failed)
    assert repr(failed[0].exception) == "ConnectionError('no database')"


def test_a_context_that_swallows_the_exception_makes_a_run_without_a_value(scheduler: BackgroundScheduler) -> None:
    ended: list[JobExecutionEvent] = []
    scheduler.add_executor(ThreadPoolExecutor(context=lambda: suppress(ZeroDivisionError)), "default")
    scheduler.add_listener(ended.append, EVENT_JOB_EXECUTED)
    scheduler.add_job(divmod, args=(1, 0))
    scheduler.start()
    eventually(lambda: ended)
    assert ended[0].retval is None


def test_a_scheduler_that_blocks_is_refused() -> None:
    with pytest.raises(TypeError, match="use a BackgroundScheduler"):
        init_app(Flask("shop"), BlockingScheduler())


def test_a_configuration_that_would_replace_the_stores_of_a_scheduler_is_refused() -> None:
    app = Flask("shop")
    app.config["KALENDS"] = {"timezone": "UTC"}
    scheduler = BackgroundScheduler(jobstores={"default": MemoryJobStore()})
    with pytest.raises(ValueError, match="must be in that configuration"):
        init_app(app, scheduler)


def test_a_program_with_a_command_line_of_click_has_the_scheduler(scheduler: BackgroundScheduler) -> None:
    @click.command()
    def serve() -> None:
        init_app(Flask("shop"), scheduler)

    serve.main([], standalone_mode=False)
    assert scheduler.running


def flask(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return run.stdout


def test_commands_of_flask_start_no_scheduler_and_print_the_jobs(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    code = "from app import scheduler; print(scheduler.running)"
    command = [sys.executable, "-m", "flask", "--app", "app", "shell"]
    shell = subprocess.run(command, cwd=tmp_path, input=code, capture_output=True, text=True, check=True, timeout=60)
    assert "False" in shell.stdout
    assert "work (trigger: cron[second='*']" in flask(tmp_path, "kalends", "jobs")
    assert lines(tmp_path / "ran") == []


@pytest.mark.parametrize("options", [(), ("--debug",), ("--debug", "--no-reload")], ids=" ".join)
def test_one_process_of_flask_run_has_the_scheduler(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    port = free_port()
    before = options[:1]
    command = ("flask", "--app", "app", *before, "run", "--port", str(port), *options[1:])
    with running(tmp_path, *command):
        process, is_running, zone = answers(f"http://127.0.0.1:{port}/").split()
        eventually(lambda: len(lines(tmp_path / "ran")) >= 3)
    assert (is_running, zone) == ("True", "Europe/Berlin")
    assert set(lines(tmp_path / "ran")) == {f"shop {process}"}


def test_a_worker_of_a_wsgi_server_has_the_scheduler(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    port = free_port()
    with running(tmp_path, "gunicorn", "--bind", f"127.0.0.1:{port}", "app:app"):
        process, is_running, _ = answers(f"http://127.0.0.1:{port}/").split()
        eventually(lambda: lines(tmp_path / "ran"))
    assert is_running == "True"
    assert set(lines(tmp_path / "ran")) == {f"shop {process}"}
