"""Manifests are read as kubectl reads them: documents by themselves, values of JSON, other kinds passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from kalends.cli.manifests.documents import documents
from kalends.cli.manifests.files import read_manifests
from kalends.cli.run.local import runnable

Command = Callable[..., Result]
Write = Callable[..., Path]

HEAD = "apiVersion: kalends.dev/v1alpha1\nkind: ScheduledJob\n"


def values(text: str) -> list[object]:
    return [one.value for one in documents(text)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2027-01-01", "2027-01-01"),
        ("12:30", "12:30"),
        ("12:30:15.5", "12:30:15.5"),
        ("1e3", 1000.0),
        ("-1.5", -1.5),
        ("017", 15),
        ("0o17", 15),
        ("-0O17", -15),
        ("0b11", 3),
        ("0x1F", 31),
        ("08", 8),
        ("09", 9),
        ("-018", -18),
        ("08.5", 8.5),
        ("0o18", "0o18"),
        ("0b", "0b"),
        ("1_000", 1000),
        ("+12", 12),
        (".5", 0.5),
        ("8.0", 8),
        ("0", 0),
        ("yes", True),
        ("~", None),
        ("1.2.3", "1.2.3"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(written: str, meant: object) -> None:
    assert values(f"a: {written}") == [{"a": meant}]


@pytest.mark.parametrize("written", ["08", "8.0", "1e1", "010"])
def test_a_whole_number_is_an_integer_however_it_is_written(written: str) -> None:
    ((value,),) = [list(one.values()) for one in values(f"a: {written}") if isinstance(one, dict)]
    assert type(value) is int


def test_an_hour_with_a_leading_zero_is_an_hour(kalends: Command) -> None:
    spec = "spec: {trigger: {calendarInterval: {days: 1, hour: 08}}, task: {name: a}}"
    result = kalends("validate", "-", given=f"{HEAD}metadata: {{name: x}}\n{spec}")
    assert (result.exit_code, "at 08:00 every day" in result.stdout) == (0, True), result.stdout


def test_keys_become_text() -> None:
    assert values("{1: a, true: b, 1.5: c}") == [{"1": "a", "true": "b", "1.5": "c"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: 1\na: {b: ]}", "line 2: must be YAML or JSON"),
        ("a: 1\nb: 2\na: 3", "line 3: must be YAML or JSON: 'a' is there twice"),
        ("a: .nan", "a must be a value that JSON has, got float"),
        ("a: [!!binary aGk=]", "a[0] must be a value that JSON has, got bytes"),
        (f"a: {1 << 64}", "a must be a number of at most 64 bits, got 18446744073709551616"),
        ("a: 0x" + "f" * 20_000, "a number must have at most 64 bits, got one of 20002 characters"),
        ("a: " + "9" * 20_000, "a number must have at most 64 bits, got one of 20000 characters"),
        ("a: 08" + "8" * 20_000, "a number must have at most 100 characters, got one of 20002 characters"),
        ("{1: a, '1': b}", "line 1: must be YAML or JSON: '1' is there twice"),
        ("~: a", "keys of the document must be text"),
        ("a: &a [*a]", "it holds itself"),
        ("[" * 150, "must be YAML or JSON: it is nested more than 100 deep"),
        ("- " * 2_000 + "a", "must be YAML or JSON: it is nested more than 100 deep"),
        # PyYAML itself may refuse this depth, in its own words.
        ("[" * 100_000, "must be YAML or JSON"),
        ("a: \x00", "must be YAML or JSON"),
        ("a: !!python/object:os.system {}", "line 1: must be YAML or JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str, expected: str) -> None:
    (document,) = documents(text)
    assert document.problem is not None
    assert expected in document.problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nschedule: */5 * * * *\nb: 2",
            "line 2: must be YAML or JSON: a value that begins with * must be in quotes",
        ),
        ("schedule: * * * * *", "a value that begins with * must be in quotes"),
        ("{schedule: */5 * * * *}", "a value that begins with * must be in quotes"),
        ("- */5 * * * *", "a value that begins with * must be in quotes"),
        ("schedule: @daily", "a value that begins with @ must be in quotes"),
        ("a: %1", "a value that begins with % must be in quotes"),
        ("schedule: {{ .Values.schedule }}", "a Helm template must be rendered first"),
        ("a: 1\n{{- if .Values.enabled }}\nb: 2\n{{- end }}", "a Helm template must be rendered first"),
    ],
)
def test_what_is_probably_wrong_is_said(text: str, expected: str) -> None:
    (document,) = documents(text)
    assert document.problem is not None
    assert expected in document.problem


@pytest.mark.parametrize("levels", [5, 6, 9, 60])
def test_aliases_that_stand_for_too_much_are_refused_before_they_are_followed(levels: int) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    (document,) = documents("\n".join(lines))
    assert document.problem is not None
    assert "its aliases must stand for at most 100000 values, got " in document.problem


def test_merged_aliases_are_counted_too() -> None:
    lines = ["a0: &a0 {k: v}"] + [
        f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, 9)
    ]
    (document,) = documents("\n".join(lines))
    assert document.problem is not None
    assert "its aliases must stand for at most 100000 values" in document.problem


def test_many_values_without_aliases_are_read() -> None:
    assert values("a: [" + "x, " * 120_000 + "]") == [{"a": ["x"] * 120_000}]


def test_a_value_that_two_aliases_stand_for_is_read_twice() -> None:
    assert values("a: &a [1, 2]\nb: [*a, *a]") == [{"a": [1, 2], "b": [[1, 2], [1, 2]]}]


def test_a_document_that_cannot_be_read_hides_no_other() -> None:
    good, bad, fine = documents("a: 1\n---\na: [\n---\n# nothing here\n---\na: 2\n")
    assert (good.value, fine.value) == ({"a": 1}, {"a": 2})
    assert bad.problem is not None
    assert bad.problem.startswith("line ")


def test_a_merged_object_may_be_changed() -> None:
    assert values("base: &base {a: 1, b: 2}\nmine: {<<: *base, b: 3}") == [
        {"base": {"a": 1, "b": 2}, "mine": {"a": 1, "b": 3}}
    ]


def test_directives_and_comments_are_no_documents() -> None:
    assert values("%YAML 1.1\n---\na: 1\n---\n\n--- # end\n") == [{"a": 1}]


def test_other_kinds_are_passed_over(kalends: Command, tmp_path: Path) -> None:
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    file = tmp_path / "a.yaml"
    file.write_text(f"{other}---\n{HEAD}metadata: {{name: ours}}\nspec: {{task: {{name: kalends.echo}}}}\n---\n{other}")
    assert [one.name for one in read_manifests([file])] == ["ours"]
    assert kalends("validate", file).exit_code == 0


def test_a_misspelt_kind_of_this_group_is_not_skipped(kalends: Command) -> None:
    result = kalends(
        "validate", "-", given="apiVersion: kalends.dev/v1alpha1\nkind: ScheduleJob\nmetadata: {name: x}\n"
    )
    assert (result.exit_code, "kind: must be" in result.stdout) == (1, True), result.stdout


def test_a_list_is_its_items(tmp_path: Path) -> None:
    item = "{apiVersion: kalends.dev/v1alpha1, kind: ScheduledJob, metadata: {name: %s}, spec: {task: {name: a}}}"
    file = tmp_path / "a.yaml"
    file.write_text(f"apiVersion: v1\nkind: List\nitems: [{item % 'one'}, {item % 'two'}]")
    assert [(one.name, one.problems) for one in read_manifests([file])] == [("one", ()), ("two", ())]


def test_a_file_with_nothing_for_us_is_wrong(kalends: Command) -> None:
    for text in ("", "apiVersion: v1\nkind: ConfigMap\n"):
        result = kalends("validate", "-", given=text)
        assert (result.exit_code, result.stdout) == (1, "-: must hold a ScheduledJob; there is none\n")


def test_of_a_cronjob_the_lines_to_change_are_said(kalends: Command, tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: hello}\n")
    for where in (tmp_path, tmp_path / "cron.yaml"):
        result = kalends("validate", where)
        lines = "`apiVersion: kalends.dev/v1alpha1` and `kind: ScheduledJob`"
        expected = f"must hold a ScheduledJob; there is a CronJob, which becomes one with the lines {lines}"
        assert (result.exit_code, result.stdout) == (1, f"{where}: {expected}\n")


def test_a_folder_stands_for_the_manifests_in_it_whatever_else_it_holds(write: Write, tmp_path: Path) -> None:
    write("all/b.yaml", b={})
    write("all/deep/a.json", a={})
    (tmp_path / "all/settings.yaml").write_text("time_zone: UTC")
    (tmp_path / "all/deployment.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\n")
    (tmp_path / "all/notes.txt").write_text("not YAML: [")
    found = list(read_manifests([tmp_path / "all"]))
    assert [(one.name, one.problems) for one in found] == [("b", ()), ("a", ())]


def test_a_folder_without_any_is_wrong(kalends: Command, tmp_path: Path) -> None:
    assert kalends("validate", tmp_path).stdout == f"{tmp_path}: must hold a ScheduledJob; there is none\n"


@pytest.mark.parametrize(
    ("content", "expected"), [(b"\xff\xfe", "must be text in UTF-8"), (b'"just text"', "must be an object")]
)
def test_a_file_of_something_else_is_wrong(kalends: Command, tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    result = kalends("validate", file)
    assert (result.exit_code, expected in result.stdout) == (1, True), result.stdout


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + f"{HEAD}metadata: {{name: x}}\nspec: {{task: {{name: a}}}}".encode())
    assert [one.problems for one in read_manifests([file])] == [()]


def test_without_a_cluster_only_what_the_operator_would_carry_out_runs(write: Write) -> None:
    file = write("a.yaml", own={"managedBy": "kalends.dev/operator"}, other={"managedBy": "example.com/my-app"})
    own, other = runnable(read_manifests([file]))
    accepted = "must be unset or 'kalends.dev/operator' to run without a cluster"
    assert (own.problems, other.problems) == ((), (f"spec.managedBy: {accepted}, got 'example.com/my-app'",))


def test_without_an_api_server_names_are_not_made_up_and_not_shared(write: Write, tmp_path: Path) -> None:
    first, second = write("a.yaml", twin={}), write("b.yaml", twin={})
    nameless = tmp_path / "c.yaml"
    nameless.write_text(f"{HEAD}metadata: {{generateName: x-}}\nspec: {{task: {{name: a}}}}")
    one, other, third = runnable(read_manifests([first, second, nameless]))
    assert one.problems == ()
    assert other.problems == (f"metadata.name: must be unique, but is in {first} already",)
    assert third.problems == ("metadata.name: must be set to run without a cluster",)
