"""Commands answer for the most expensive triggers, too, and say where their search ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from kalends.cli.commands.next_times import SEARCHES
from triggers.hostile import APART, EACH_SECOND_BUT, HOSTILE, MOST_ASKED, Work

Command = Callable[..., Result]
Write = Callable[..., Path]
WINDOW = ("--after", "2027-01-01T00:00:00Z", "--until", "2037-01-01T00:00:00Z")


@pytest.mark.parametrize("spec", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("command", [["validate"], ["explain"], ["next"], ["next", "--count", *WINDOW]], ids=" ".join)
def test_each_command_asks_a_few_questions(kalends: Command, write: Write, command: list[str], spec: Any) -> None:
    file = write("a.yaml", hostile=spec)
    work = Work()
    with work.counted():
        result = kalends(command[0], file, *command[1:])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "hostile" in result.stdout
    assert work.units < (SEARCHES + 1) * MOST_ASKED


def test_a_search_that_reaches_its_limit_is_no_never(kalends: Command, write: Write) -> None:
    file = write("a.yaml", apart=APART)
    (entry,) = json.loads(kalends("next", file, "--after", "2027-01-01T00:00:00Z", "-o", "json").stdout)
    assert entry["ends"] is False
    assert entry["fireTimes"] == []
    assert entry["searchedUntil"] > "2027-03"
    lines = kalends("next", file, "--after", "2027-01-01T00:00:00Z").stdout.splitlines()
    assert lines[1].startswith("  none found until 2027-")
    assert lines[1].endswith(", where the search limit was reached; there may be later ones")


@pytest.mark.parametrize("command", ["validate", "explain"])
def test_a_meaning_says_that_the_search_limit_was_reached(kalends: Command, write: Write, command: str) -> None:
    result = kalends(command, write("a.yaml", apart=APART))
    assert result.exit_code == 0
    assert "; no fire time found until 20" in result.stdout
    assert "the search limit was reached" in result.stdout


def test_an_incomplete_count_is_reported_and_fails(kalends: Command, write: Write) -> None:
    file = write("a.yaml", most=EACH_SECOND_BUT)
    result = kalends("next", file, "--count", *WINDOW, "-o", "json")
    (entry,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "2027-03" < entry["countedUntil"] < "2036"
    assert entry["last"] <= entry["countedUntil"]
    assert " only, where the search limit was reached" in kalends("next", file, "--count", *WINDOW).stdout


def test_a_count_within_the_limit_is_complete(kalends: Command, write: Write) -> None:
    window = ("--after", "2027-01-01T00:00:00Z", "--until", "2027-03-02T00:00:00Z", "-o", "json")
    result = kalends("next", write("a.yaml", most=EACH_SECOND_BUT), "--count", *window)
    (entry,) = json.loads(result.stdout)
    assert result.exit_code == 0
    assert entry["count"] == 60 * 1440 * 29
    assert "countedUntil" not in entry
