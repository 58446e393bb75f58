"""The programs in docs/web-frameworks.md run as documented."""

from __future__ import annotations

import asyncio
import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "web-frameworks.md").read_text()


def program(title: str) -> str:
    """Return the Python program of a section."""
    found = re.search(rf"^## {title}\n.*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


async def test_the_fastapi_program_stores_its_job_and_ends(tmp_path: Path) -> None:
    (tmp_path / "documented_fastapi.py").write_text(program("FastAPI and Starlette"))
    module = await asyncio.to_thread(import_module, "documented_fastapi")
    async with module.app.router.lifespan_context(module.app):
        assert module.scheduler.get_job("refresh").func_ref == "documented_fastapi:refresh"
    assert not module.scheduler.running


def test_the_flask_program_configures_and_starts_its_scheduler(tmp_path: Path) -> None:
    (tmp_path / "documented_flask.py").write_text(program("Flask"))
    module = import_module("documented_flask")
    assert module.scheduler.running
    module.scheduler.shutdown()
    assert str(module.scheduler.timezone) == "Europe/Berlin"


def test_the_django_module_declares_its_job(tmp_path: Path) -> None:
    declared = program("Django")
    assert "replace_existing" not in declared  # scheduled_job sets it
    (tmp_path / "documented_django.py").write_text(declared.replace("kalends.integrations.django", "documented_stub"))
    (tmp_path / "documented_stub.py").write_text(
        "from kalends.schedulers.background import BackgroundScheduler\nscheduler = BackgroundScheduler()\n"
    )
    module = import_module("documented_django")
    assert [job.id for job in module.scheduler.get_jobs()] == ["shop.clear_carts"]
