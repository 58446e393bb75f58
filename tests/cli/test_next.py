"""``kalends next``: fire times listed and counted, and what it says where there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Command = Callable[..., Result]
Write = Callable[..., Path]
NEW_YEAR = "2027-01-01T00:00:00Z"


def listed(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_cron_expression_is_listed_as_json(kalends: Command) -> None:
    result = kalends("next", "30 2 * * *", "--time-zone", "Europe/Berlin", "--after", NEW_YEAR, "-n", "2", "-o", "json")
    fire_times = ["2027-01-01T01:30:00Z", "2027-01-02T01:30:00Z"]
    assert listed(result) == [{"name": "30 2 * * *", "fireTimes": fire_times, "ends": False}]
    assert result.exit_code == 0


def test_the_list_tells_where_a_schedule_ends(kalends: Command, write: Write) -> None:
    file = write("a.yaml", once={"trigger": {"date": {"at": "2027-05-01T00:00:00Z"}}})
    assert listed(kalends("next", file, "--after", NEW_YEAR, "-o", "json")) == [
        {"name": "once", "fireTimes": ["2027-05-01T00:00:00Z"], "ends": True}
    ]


def test_a_table_shows_utc_and_the_clocks_of_the_zone(kalends: Command) -> None:
    shown = kalends("next", "0 9 * * *", "--time-zone", "Asia/Kathmandu", "--after", NEW_YEAR, "-n", "1").stdout
    assert shown == "0 9 * * * (Asia/Kathmandu)\n  2027-01-01T03:15:00Z  Fri 2027-01-01 09:00:00 +0545\n"


def test_five_are_listed_unless_said_otherwise(kalends: Command) -> None:
    assert len(listed(kalends("next", "* * * * *", "-o", "json"))[0]["fireTimes"]) == 5


def test_fire_times_at_after_are_out_and_at_until_are_in(kalends: Command) -> None:
    window = ["--after", NEW_YEAR, "--until", "2027-01-01T06:00:00Z", "-o", "json"]
    (entry,) = listed(kalends("next", "0 */1 * * *", *window))
    assert entry["fireTimes"] == [f"2027-01-01T0{hour}:00:00Z" for hour in range(1, 7)]
    assert entry["ends"] is False
    assert listed(kalends("next", "0 */1 * * *", *window, "--count")) == [
        {"name": "0 */1 * * *", "count": 6, "first": "2027-01-01T01:00:00Z", "last": "2027-01-01T06:00:00Z"}
    ]


def test_a_count_of_none_has_neither_first_nor_last(kalends: Command) -> None:
    window = ["--after", NEW_YEAR, "--until", NEW_YEAR, "--count", "-o", "json"]
    assert listed(kalends("next", "* * * * *", *window)) == [
        {"name": "* * * * *", "count": 0, "first": None, "last": None}
    ]


def test_a_year_of_seconds_is_counted_to_the_last_one(kalends: Command, write: Write) -> None:
    file = write("a.yaml", often={"trigger": {"cron": {"second": "*"}}})
    shown = kalends("next", file, "--after", NEW_YEAR, "--until", "2028-01-01T00:00:00Z", "--count").stdout
    assert "31,536,000 fire times" in shown


def test_jitter_moves_no_fire_time(kalends: Command, write: Write) -> None:
    plain, jittered = (
        write(f"{seconds}.yaml", job={"schedule": "*/5 * * * *", "jitterSeconds": seconds}) for seconds in (0, 60)
    )
    window = ["--after", NEW_YEAR, "--until", "2027-01-02T00:00:00Z", "-o", "json"]
    for more in ([], ["--count"]):
        assert listed(kalends("next", plain, *window, *more)) == listed(kalends("next", jittered, *window, *more))


def test_a_manifest_that_was_never_applied_counts_as_created_at_after(kalends: Command, write: Write) -> None:
    file = write("a.yaml", now={}, often={"trigger": {"interval": {"minutes": 1}}})
    now, often = listed(kalends("next", file, "--after", NEW_YEAR, "-n", "1", "-o", "json"))
    assert now == {"name": "now", "fireTimes": [NEW_YEAR], "ends": True}
    assert often["fireTimes"] == ["2027-01-01T00:01:00Z"]


def test_an_exported_manifest_keeps_its_creation(kalends: Command) -> None:
    exported = """
        apiVersion: kalends.dev/v1alpha1
        kind: ScheduledJob
        metadata: {name: x, creationTimestamp: 2026-12-31T23:59:30Z}
        spec: {trigger: {interval: {minutes: 1}}, task: {name: kalends.echo}}"""
    (entry,) = listed(kalends("next", "-", "--after", NEW_YEAR, "-n", "1", "-o", "json", given=exported))
    assert entry["fireTimes"] == ["2027-01-01T00:00:30Z"]


@pytest.mark.parametrize("more", [[], ["--count", "--until", "2028-01-01T00:00:00Z"]], ids=["listed", "counted"])
def test_one_that_is_wrong_harms_only_itself(kalends: Command, write: Write, more: list[str]) -> None:
    file = write("a.yaml", good={"schedule": "@daily"}, bad={"schedule": "61 * * * *"}, fine={"schedule": "@hourly"})
    result = kalends("next", file, "nowhere.yaml", "--after", NEW_YEAR, "-o", "json", *more)
    good, bad, fine, nowhere = listed(result)
    assert result.exit_code == 1
    assert "error" not in good
    assert "error" not in fine
    assert (bad.keys(), bad["name"]) == ({"name", "error"}, "bad")
    assert bad["error"].startswith("spec.schedule: minute must be")
    assert nowhere == {"name": "nowhere.yaml", "error": "cannot be read: No such file or directory"}


def test_a_suspended_one_is_listed_as_such(kalends: Command, write: Write) -> None:
    file = write("a.yaml", resting={"schedule": "@daily", "suspend": True})
    assert kalends("next", file, "--time-zone", "UTC").stdout.startswith("resting (UTC), suspended\n")


def test_nothing_in_the_window_is_said_in_words(kalends: Command) -> None:
    shown = kalends("next", "@yearly", "--after", NEW_YEAR, "--until", "2027-06-01T00:00:00Z").stdout
    assert "none until 2027-06-01T00:00:00Z" in shown


def test_something_too_long_for_a_path_is_an_expression(kalends: Command) -> None:
    result = kalends("next", "a" * 5000)
    assert (result.exit_code, "spec.schedule: must be" in result.stdout) == (1, True)


@pytest.mark.parametrize("instant", ["tomorrow", "2027-01-01", "2027-01-01T00:00:00", "0001-01-01T00:00:00Z", ""])
@pytest.mark.parametrize("option", ["--after", "--until"])
def test_what_is_no_instant_is_a_usage_error(kalends: Command, option: str, instant: str) -> None:
    result = kalends("next", "@daily", option, instant)
    assert result.exit_code == 2
    assert "must be RFC 3339, as in '2027-01-01T00:00:00Z'" in result.stderr or "from 1970 to 9999" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        (["--count"], "--count must have --until"),
        (["--count", "--until", "2099-01-01T00:00:00Z", "-n", "3"], "not both"),
        (["--after", "2027-01-02T00:00:00Z", "--until", NEW_YEAR], "--until must not be before --after"),
        (["--until", NEW_YEAR, "-n", "0"], "1<=x<=10000"),
        (["--time-zone", "Berlin"], "must be an IANA time zone name such as 'Europe/Berlin', got 'Berlin'"),
        (["-o", "xml"], "'table', 'json'"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(kalends: Command, arguments: list[str], accepted: str) -> None:
    result = kalends("next", "@daily", *arguments)
    assert (result.exit_code, accepted in result.stderr) == (2, True), result.stderr


def test_an_instant_with_an_offset_is_taken_at_its_word(kalends: Command) -> None:
    (entry,) = listed(kalends("next", "@hourly", "--after", "2027-01-01T00:30:00+05:30", "-n", "1", "-o", "json"))
    assert entry["fireTimes"] == ["2026-12-31T20:00:00Z"]
