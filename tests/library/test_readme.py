"""The program in the README is a program that runs."""

from __future__ import annotations

import re
import runpy
import time
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_program_in_the_readme_adds_both_jobs_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, section = README.partition("## As a library\n")
    found = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    program = tmp_path / "program.py"
    program.write_text(found[1])
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    scheduler = runpy.run_path(str(program))["scheduler"]
    printed = capsys.readouterr().out
    assert "greet (trigger: interval[0:00:01], next run at: " in printed
    assert "greet (trigger: cron[day_of_week='mon-fri', hour='2'], next run at: " in printed
    assert not scheduler.running
