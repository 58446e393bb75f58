"""``manage.py kalends`` in a project of Django, with its database, settings and signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from devcluster.waiting import eventually
from integrations.processes import lines

FILES = {
    "manage.py": """
        import os, sys
        os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)
    """,
    "settings.py": """
        SECRET_KEY = "of a test"
        INSTALLED_APPS = ["django.contrib.contenttypes", "kalends.integrations.django", "shop"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "CONN_MAX_AGE": 0}}
        TIME_ZONE = "Europe/Berlin"
        USE_TZ = True
        KALENDS = {"job_defaults": {"max_instances": 3}}
    """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.db import models

        class Cart(models.Model):
            class Meta:
                app_label = "shop"
    """,
    "shop/jobs.py": """
        import time
        from pathlib import Path
        from django.db import connection
        from kalends.integrations.django import scheduler

        @scheduler.scheduled_job("cron", second="*", id="shop.count_carts")
        def count_carts():
            from shop.models import Cart
            was_open = connection.connection is not None
            Cart.objects.create()
            with Path("ran").open("a") as ran:
                ran.write(f"{Cart.objects.count()} {was_open}\\n")

        @scheduler.scheduled_job("date", id="shop.slow")
        def slow():
            Path("slow").write_text("begun")
            time.sleep(3)
            Path("slow").write_text("ended")
    """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    manage(tmp_path, "migrate", "--run-syncdb")
    return tmp_path


def manage(project: Path, *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True, timeout=60)
    return run.stdout


def test_the_command_runs_jobs_with_fresh_connections_and_lets_them_end_at_sigterm(project: Path) -> None:
    log = project / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "kalends"], cwd=project, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            eventually(lambda: len(lines(project / "ran")) >= 2 and (project / "slow").exists())
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    assert (project / "slow").read_text() == "ended"
    ran = lines(project / "ran")
    assert ran == [f"{number} False" for number in range(1, len(ran) + 1)]
    assert "SIGTERM: shutting down when the active runs have ended" in log.read_text()


def test_the_command_lists_the_jobs_in_the_zone_of_the_project_and_runs_none(project: Path) -> None:
    listed = manage(project, "kalends", "--list")
    assert "count_carts (trigger: cron[second='*']" in listed
    assert " CE" in listed, "the times are in the zone of the settings"
    assert lines(project / "ran") == []


def test_other_commands_start_no_scheduler(project: Path) -> None:
    code = "from kalends.integrations.django import scheduler; print(scheduler.running, scheduler.timezone)"
    assert manage(project, "shell", "--command", code).splitlines()[-1] == "False Europe/Berlin"


def test_the_second_signal_ends_the_process_at_once(project: Path) -> None:
    jobs = project / "shop" / "jobs.py"
    jobs.write_text(jobs.read_text().replace("time.sleep(3)", "time.sleep(250)"))
    process = subprocess.Popen([sys.executable, "manage.py", "kalends"], cwd=project, stderr=subprocess.PIPE, text=True)
    try:
        eventually((project / "slow").exists)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("shutting down" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
