"""The lifespan of FastAPI and Starlette, in their test client and in a server with several workers."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from devcluster.waiting import eventually
from integrations.processes import answers, free_port, lines, running
from kalends.integrations import fastapi, starlette
from kalends.schedulers.asyncio import AsyncIOScheduler
from kalends.schedulers.background import BackgroundScheduler
from kalends.schedulers.base import BaseScheduler
from kalends.schedulers.blocking import BlockingScheduler


@pytest.mark.parametrize("make", [AsyncIOScheduler, BackgroundScheduler])
def test_the_scheduler_runs_while_the_application_does(make: type[BaseScheduler]) -> None:
    scheduler = make(timezone="UTC")
    ran = threading.Event()
    scheduler.add_job(ran.set)
    app = FastAPI(lifespan=fastapi.lifespan(scheduler))

    @app.get("/")
    def jobs(request: Request) -> int:
        return len(request.app.state.scheduler.get_jobs())

    for _ in range(2):  # an application can start again
        with TestClient(app) as client:
            assert scheduler.running
            assert ran.wait(60)
            eventually(lambda: client.get("/").json() == 0)
        assert not scheduler.running


def test_coroutine_functions_run_in_the_loop_of_the_application() -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    loops: list[Any] = []
    ran = threading.Event()

    async def job() -> None:
        loops.append(asyncio.get_running_loop())
        ran.set()

    async def loop() -> None:
        loops.append(asyncio.get_running_loop())

    scheduler.add_job(job)
    app = FastAPI(lifespan=fastapi.lifespan(scheduler))
    app.get("/")(loop)
    with TestClient(app) as client:
        assert ran.wait(60)
        client.get("/")
        assert loops[0] is loops[1]


def test_the_lifespan_of_the_application_is_around_that_of_the_scheduler() -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    seen: list[tuple[str, bool]] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append(("begins", scheduler.running))
        yield {"database": "open"}
        seen.append(("ends", scheduler.running))

    app = FastAPI(lifespan=starlette.lifespan(scheduler, own))

    @app.get("/")
    def state(request: Request) -> str:
        return str(request.state.database)

    with TestClient(app) as client:
        assert client.get("/").json() == "open"
    assert seen == [("begins", False), ("ends", False)]


def test_an_application_that_does_not_start_leaves_no_scheduler_behind() -> None:
    scheduler = BackgroundScheduler(timezone="UTC")

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    with pytest.raises(OSError, match="no database"), TestClient(FastAPI(lifespan=starlette.lifespan(scheduler, own))):
        pass
    assert not scheduler.running


def test_a_scheduler_that_blocks_is_refused() -> None:
    with pytest.raises(TypeError, match="use an AsyncIOScheduler or a BackgroundScheduler"):
        fastapi.lifespan(BlockingScheduler())


APPLICATION = """
import os
from fastapi import FastAPI
from kalends.events import EVENT_JOB_EXECUTED
from kalends.integrations.fastapi import lifespan
from kalends.schedulers.asyncio import AsyncIOScheduler

def work():
    pass

def note(event):
    with open("ran", "a") as ran:
        ran.write(f"{event.job_id} {event.scheduled_run_time:%H:%M:%S}\\n")

store = {"type": "sqlalchemy", "url": "sqlite:///jobs.sqlite"}
scheduler = AsyncIOScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.add_listener(note, EVENT_JOB_EXECUTED)
for name in "abc":
    scheduler.add_job(work, "cron", second="*", id=name, replace_existing=True)
app = FastAPI(lifespan=lifespan(scheduler))

@app.get("/")
def jobs() -> str:
    return " ".join(sorted(job.id for job in scheduler.get_jobs()))
"""


def test_of_three_workers_of_a_server_one_runs_each_job(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    port = free_port()
    command = ("uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "3")
    with running(tmp_path, *command):
        assert answers(f"http://127.0.0.1:{port}/") == '"a b c"'
        log = tmp_path / "server.log"
        eventually(lambda: log.read_text().count("Application startup complete") == 3)
        eventually(lambda: len(lines(tmp_path / "ran")) >= 12)
    assert max(Counter(lines(tmp_path / "ran")).values()) == 1
