"""``kalends validate`` and ``kalends explain``, and the commands that only print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

Command = Callable[..., Result]
Write = Callable[..., Path]
WEEKDAYS = "at 02:00 from Monday to Friday, Europe/Berlin; once on days when the clocks change"


def test_the_meaning_of_a_valid_manifest_is_shown(kalends: Command, write: Write) -> None:
    file = write("a.yaml", nightly={"schedule": "0 2 * * mon-fri", "timeZone": "Europe/Berlin"})
    result = kalends("validate", file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: nightly: valid: {WEEKDAYS}\n")


def test_a_manifest_that_the_operator_leaves_alone_says_to_whom(kalends: Command, write: Write) -> None:
    schedule = {"schedule": "0 2 * * mon-fri", "timeZone": "Europe/Berlin"}
    file = write("a.yaml", other={**schedule, "managedBy": "example.com/my-app"})
    result = kalends("validate", file)
    left = "; the operator leaves it to example.com/my-app"
    assert (result.exit_code, result.stdout) == (0, f"{file}: other: valid: {WEEKDAYS}{left}\n")
    file = write("b.yaml", own={**schedule, "managedBy": "kalends.dev/operator"})
    assert kalends("validate", file).stdout == f"{file}: own: valid: {WEEKDAYS}\n"


def test_each_problem_is_a_line_with_the_path_of_its_field(kalends: Command, write: Write) -> None:
    file = write("a.yaml", bad={"trigger": {"interval": {"seconds": -1}}, "jitterSeconds": "much", "tipo": 1})
    result = kalends("validate", file)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    for path in ("spec.trigger.interval.seconds", "spec.jitterSeconds", "spec.tipo"):
        assert any(line.startswith(f"{file}: bad: {path}: ") for line in lines), lines


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"schedule": "61 * * * *"}, "spec.schedule: minute must be"),
        ({"schedule": "0 0 30 2 *"}, "spec.schedule: must name a day that some year has"),
        ({"schedule": "@daily", "timeZone": "Berlin"}, "spec.timeZone: must be an IANA time zone name"),
        ({"trigger": {"date": {"at": "soon"}}}, "spec.trigger.date.at: must be RFC 3339"),
        ({"schedule": "@daily", "trigger": {"cron": {"hour": 1}}}, "spec: "),
        ("none", "spec: must be an object"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_accepted(
    kalends: Command, write: Write, spec: object, expected: str
) -> None:
    result = kalends("validate", write("a.yaml", bad=spec, good={"schedule": "@daily"}))
    assert (result.exit_code, expected in result.stdout) == (1, True), result.stdout
    assert "good: valid: " in result.stdout


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("15 10 ? * 6L 2002-2025", "for a year set `trigger.cron.year`"),
        ("0 0 2 * * *", "for seconds set `trigger.cron.second`"),
        ("TZ=UTC 0 2 * * *", "`timeZone`"),
        ("0 2 * * * # nightly", "without a comment"),
        ("99", "must be five fields"),
    ],
)
def test_of_a_malformed_schedule_the_parser_says_more_than_the_schema(
    kalends: Command, write: Write, schedule: str, expected: str
) -> None:
    result = kalends("validate", write("a.yaml", bad={"schedule": schedule}))
    (line,) = result.stdout.splitlines()
    assert result.exit_code == 1
    assert ": bad: spec.schedule: schedule must " in line
    assert expected in line


def test_what_was_over_before_it_is_applied_is_a_warning(kalends: Command, write: Write) -> None:
    file = write("a.yaml", late={"trigger": {"date": {"at": "2020-01-01T00:00:00Z"}}})
    result = kalends("validate", file)
    first, second = result.stdout.splitlines()
    assert result.exit_code == 0
    assert first.startswith(f"{file}: late: valid: once, at 2020-01-01 00:00:00")
    assert second == f"{file}: late: warning: its only fire time had passed before it was created"


def test_a_member_that_never_fires_is_a_warning(kalends: Command, write: Write) -> None:
    trigger = {"anyOf": [{"date": {"at": "2026-01-01T12:00:12Z"}}, {"interval": {"seconds": 30}}]}
    file = write("a.yaml", x={"startTime": "2026-01-01T12:00:30Z", "trigger": trigger})
    assert "x: warning: spec.trigger.anyOf[0] never fires" in kalends("validate", file).stdout


def test_names_and_values_are_harmless_to_a_terminal(kalends: Command) -> None:
    head = 'apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\nspec: {suspend: "\\e[2J", task: {name: a}}\n'
    for command in ("validate", "explain", "next"):
        result = kalends(command, "-", given=head + 'metadata: {name: "\\e[31mred\\u202e\\nother.yaml: x: valid"}')
        assert result.exit_code == 1
        assert all(character.isprintable() or character == "\n" for character in result.output)
        assert not any(line.startswith("other.yaml") for line in result.output.splitlines())
        assert "\\x1b[31mred\\u202e\\nother.yaml: x: valid" in result.output


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{name: x, uid: 5}", "metadata.uid: must be a string, got 5"),
        ("{name: x, generation: -1}", "metadata.generation: must be an integer from 0 to "),
        ("{name: x, namespace: ../y}", "metadata.namespace: must be made of lower-case letters, digits and '-'"),
        ("{name: x, namespace: Team}", "metadata.namespace: must be made of lower-case letters, digits and '-'"),
        ("{name: ../x}", "metadata.name: must be made of lower-case letters"),
        ("{name: x, creationTimestamp: soon}", "metadata.creationTimestamp: must be an instant by RFC 3339"),
    ],
)
def test_metadata_is_checked_alike_before_anything_runs(
    kalends: Command, command: str, metadata: str, expected: str
) -> None:
    head = "apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\nspec: {task: {name: kalends.echo}}\n"
    result = kalends(command, "-", given=f"{head}metadata: {metadata}")
    assert (result.exit_code, expected in result.output) == (1, True), result.output


def test_metadata_that_the_api_server_would_refuse_is_a_problem_not_a_crash(kalends: Command) -> None:
    head = "apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\nspec: {task: {name: a}}\n"
    result = kalends("validate", "-", given=f"{head}metadata: {{name: x, creationTimestamp: soon}}")
    assert (result.exit_code, "x: metadata" in result.stdout) == (1, True), result.output


def test_what_kubectl_can_create_or_export_is_valid(kalends: Command) -> None:
    head = "apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\nspec: {task: {name: a}}\n"
    for metadata in ("{generateName: nightly-}", "{name: x, creationTimestamp: null}"):
        assert kalends("validate", "-", given=f"{head}metadata: {metadata}").exit_code == 0


def test_explain_tells_expressions_and_manifests_apart(kalends: Command, write: Write) -> None:
    file = write("a.yaml", yearly={"schedule": "@yearly"})
    result = kalends("explain", "0 2 * * mon-fri", file, "--time-zone", "Europe/Berlin")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == f"0 2 * * mon-fri: {WEEKDAYS}"
    assert second.startswith("yearly: at 00:00 ")


def test_explain_continues_after_an_error(kalends: Command) -> None:
    result = kalends("explain", "61 * * * *", "nowhere.yaml", "@daily")
    first, second, third = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first.startswith("61 * * * *: error: spec.schedule: minute must be")
    assert second == "nowhere.yaml: error: cannot be read: No such file or directory"
    assert third.startswith("@daily: at 00:00")


@pytest.mark.parametrize("command", ["validate", "next", "explain", "run"])
def test_a_zone_that_does_not_exist_is_a_usage_error(kalends: Command, write: Write, command: str) -> None:
    result = kalends(command, write("a.yaml", x={}), "--time-zone", "Berlin")
    assert (result.exit_code, "must be an IANA time zone name" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["validate", "next", "explain", "run"])
def test_a_command_without_files_is_a_usage_error(kalends: Command, command: str) -> None:
    assert kalends(command).exit_code == 2


def test_the_default_zone_comes_from_the_settings(kalends: Command, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("time_zone: Asia/Kathmandu")
    assert "Asia/Kathmandu" in kalends("explain", "@daily", "--config", settings).stdout
    assert (
        "America/New_York"
        in kalends("explain", "@daily", "--config", settings, "--time-zone", "America/New_York").stdout
    )


def test_the_crd_is_printed_for_kubectl(kalends: Command) -> None:
    (crd,) = yaml.safe_load_all(kalends("crds").stdout)
    assert (crd["kind"], crd["metadata"]["name"]) == ("CustomResourceDefinition", "scheduledjobs.kalends.dev")


def test_the_version_is_an_option_and_an_attribute_of_the_package(kalends: Command) -> None:
    import kalends as package

    assert kalends("--version").stdout == f"kalends {package.__version__}\n"


def test_the_version_names_the_zone_database_in_use(kalends: Command) -> None:
    from kalends.triggers import database_version

    assert f"time zones {database_version()}" in kalends("version").stdout


def test_every_command_tells_how_it_is_used(kalends: Command) -> None:
    listed = kalends("--help").stdout
    for command in ("validate", "next", "explain", "run", "crds", "operator", "version"):
        assert command in listed
        expected = kalends(command, "-h")
        assert expected.exit_code == 0, expected.output
