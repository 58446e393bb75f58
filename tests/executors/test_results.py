"""What is reported of results and errors: short, without control characters, without secrets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalends.executors import redaction
from kalends.executors.results import LOOKED_AT, clean, error_text, result_text
from narrowing import present

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set variables of the environment, which is looked at once as a rule."""

    def set_them(values: dict[str, str]) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        redaction.own_secrets.cache_clear()

    yield set_them
    monkeypatch.undo()
    redaction.own_secrets.cache_clear()


@given(st.text(max_size=3000))
def test_whatever_comes_is_short_and_shows_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned.encode()) <= 1024
    assert all(mark.isprintable() or mark in "\n\t" or not mark.isascii() for mark in cleaned)
    assert "\x1b" not in cleaned
    assert clean(cleaned) == cleaned


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text() | st.binary(), st.lists, max_leaves=10))
def test_whatever_a_task_returns_there_is_something_to_tell(value: Any) -> None:
    result, message = result_text(value)
    assert value is None or bool(result) != bool(message)


@pytest.mark.parametrize(
    "coloured",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07red",
        "\x1b]8;;http://x\x1b\\red\x1b]8;;\x1b\\",
        "\x1b(Bred",
        "\x1b[1;2Hred",
    ],
)
def test_colours_and_other_escape_sequences_leave_nothing_behind(coloured: str) -> None:
    assert clean(coloured) == "red"


def test_marks_that_turn_the_direction_of_writing_are_shown_as_such() -> None:
    assert clean("safe\u202egnp.exe") == "safe\N{REPLACEMENT CHARACTER}gnp.exe"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("login with password=hunter2 failed", "login with password=[redacted] failed"),
        ("{'DB_PASSWORD': 'two words', 'x': 1}", "{'DB_PASSWORD': '[redacted]', 'x': 1}"),
        ('{"apiKey":"abc","rows":3}', '{"apiKey":"[redacted]","rows":3}'),
        ('{"log":"{\\"token\\": \\"abc def\\"} end"}', '{"log":"{\\"token\\": \\"[redacted]\\"} end"}'),
        ("token: abc", "token: [redacted]"),
        ("clientSecret = abc", "clientSecret = [redacted]"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("password=b'abc'", "password=b'[redacted]'"),
        ("?user=me&access_token=abc&x=1", "?user=me&access_token=[redacted]&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("{'Authorization': 'Basic YWJj'}", "{'Authorization': '[redacted]'}"),
        ("got bearer abcdefgh1234", "got bearer [redacted]"),
        ("postgres://me:p@ss@db:5432/x", "postgres://[redacted]@db:5432/x"),
        (f"read {JWT} there", "read [redacted] there"),
        (JWT[:60], "[redacted]"),
        ("a -----BEGIN EC PRIVATE KEY-----\nab\n-----END EC PRIVATE KEY----- b", "a [redacted] b"),
        ("-----BEGIN PRIVATE KEY-----\nab", "[redacted]"),
        ("pass\x1b[0mword=hunter2", "password=[redacted]"),
    ],
)
def test_what_looks_like_a_secret_is_redacted(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'token'",
        '{"tokens":512}',
        "pass: 3, fail: 1",
        "see https://example.com/@someone and mail me@example.com",
        "eyjafjallajokull",
        "the password is wrong",
        "public_key_path /etc/x",
    ],
)
def test_an_innocent_text_is_reported(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("form", [str, repr, json.dumps])
def test_the_values_of_secret_variables_are_reported_in_no_form(
    variables: Callable[..., Any], form: Callable[..., Any] | type[Any]
) -> None:
    value = 'p"ä\n\\s s&1'
    variables({"ACME_DB_PASSWORD": value})
    assert clean(f"x{form(value)}y").replace('"', "").replace("'", "") == "x[redacted]y"


def test_the_values_of_secret_variables_are_not_reported_in_urls_or_base_64(variables: Callable[..., Any]) -> None:
    variables({"ACME_TOKEN": "p&ss w=rd"})
    assert clean("at /x?p%26ss%20w%3Drd and cCZzcyB3PXJk") == "at /x?[redacted] and [redacted]"


def test_a_whole_environment_is_reported_without_its_secrets(variables: Callable[..., Any]) -> None:
    variables(
        {"ACME_TOKEN": "abcdef", "ACME_REGION": "north", "AWS_SECRET_ACCESS_KEY": "ghijkl", "PGPASSWORD": "mnopqr"}
    )
    shown = {"AWS_SECRET_ACCESS_KEY": "ghijkl", "ACME_REGION": "north", "ACME_TOKEN": "abcdef", "PGPASSWORD": "mnopqr"}
    cleaned = clean(str(shown) + " abcdef ghijkl mnopqr")
    assert not any(secret in cleaned for secret in ("abcdef", "ghijkl", "mnopqr"))
    assert "'ACME_REGION': 'north'" in cleaned


def test_short_values_and_those_of_other_variables_are_reported(variables: Callable[..., Any]) -> None:
    variables({"ACME_TOKEN": "true", "ACME_REGION": "north-1"})
    assert clean("it is true that north-1 is up") == "it is true that north-1 is up"


def test_no_part_of_a_secret_is_reported_where_a_text_is_cut() -> None:
    text = "password=x " * (LOOKED_AT // 11) + "\n" + JWT
    assert "eyJ" not in clean(text[: LOOKED_AT + 20], limit=LOOKED_AT)


def test_a_result_without_secrets_is_still_json() -> None:
    result, _ = result_text({"token": "abc", "rows": [1, 2]})
    assert json.loads(present(result)) == {"token": "[redacted]", "rows": [1, 2]}


@pytest.mark.parametrize(
    "text",
    [
        "secret" * 20_000,
        "password=" * 20_000,
        "password:" + " " * 100_000,
        "password='" * 10_000,
        'password=\\"' * 10_000,
        '"' * 100_000,
        "://" * 40_000,
        "authorization:" * 10_000,
        "-----BEGIN PRIVATE KEY-----" * 5000,
        "\x1b[" * 50_000,
        "\x1b]" * 50_000,
        "eyJaaaaaaaa." * 10_000,
        'token="' + "\\" * 100_000,
        "a_pass" * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_text_takes_long_to_clean(text: str) -> None:
    begun = time.process_time()
    clean(text)
    assert time.process_time() - begun < 1.0


def test_a_value_of_a_hundred_megabytes_is_not_written_down_to_be_cut() -> None:
    value = {"rows": ["x" * 1000] * 100_000, "text": "x" * 100_000_000}
    begun = time.process_time()
    result, _ = result_text(value)
    assert time.process_time() - begun < 1.0
    assert present(result).startswith('{"rows":["xxx')
    assert len(present(result).encode()) <= 1024


def test_an_exception_without_a_message_is_reported_by_its_type() -> None:
    assert error_text(ValueError()) == "ValueError"
