"""Shapes of secrets that are taken out of results and errors, and innocent texts that stay as they are."""

from __future__ import annotations

import time

import pytest

from kalends.executors import redaction
from kalends.executors.results import clean

SECRET = "hunter2x"  # noqa: S105 - of the shapes below
SHAPES = [
    "['pg_dump', '--password', 'hunter2x']",
    "Command '['tool', '--token', 'hunter2x']' returned non-zero exit status 1.",
    "tool --password hunter2x --verbose",
    'tool --api-key "hunter2x" -v',
    "mysql --pass hunter2x",
    "('x-api-key', 'hunter2x')",
    "[('Authorization', 'Bearer hunter2x'), ('a', 'b')]",
    "[('Cookie', 'session=hunter2x')]",
    "<password>hunter2x</password>",
    '<db:token kind="a">hunter2x</db:token>',
    "<pwd>hunter2x</pwd>",
    "Server=db;Uid=me;Pwd=hunter2x;",
    "pass=hunter2x",
    "pw: hunter2x",
    "pwd: 'hunter2x'",
    'password "hunter2x" rejected',
    "password 'hunter2x' is wrong",
    '{"a":"{\\"b\\":\\"{\\\\\\"token\\\\\\": \\\\\\"hunter2x\\\\\\"}\\"}"}',
    "password: |\n  hunter2x\n  more\nuser: me",
    "client_secret: >-\n    hunter2x",
    "postgres://bob:ab/hunter2x@db/x",
    "amqp://bob:hunter2x@[::1]:5672/",
    "AccountName=a;AccountKey=hunter2x==;EndpointSuffix=core.windows.net",
    "client-key-data: hunter2x",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2x\n-----END PGP PRIVATE KEY BLOCK-----",
    "Basic aHVudGVyMng6aHVudGVyMng=",
    "ghp_hunter2xhunter2xhunter2xhunter2x1234",
    "github_pat_hunter2xhunter2xhunter2x",
    "glpat-hunter2xhunter2xhunt",
    "xoxb-hunter2x-hunter2x",
    "sk_live_hunter2xhunter2x",
    "sk-proj-hunter2xhunter2xhunter2x",
    "AIzahunter2xhunter2xhunter2xhunter2xhun",
    "https://hooks.slack.com/services/T00/B00/hunter2x",
    "https://a.blob.core.windows.net/c?sv=1&sig=hunter2x%3D",
    "https://s3/x?X-Amz-Signature=hunter2x&X-Amz-Date=1",
    "Cookie: session=hunter2x; theme=dark",
    "Set-Cookie: id=hunter2x; Path=/",
    "pass\u200bword=hunter2x",
    "pass\x00word=hunter2x",
    "password=\u200bhunter2x",
    "DB_PASS=hunter2x",
    "signing_key = hunter2x",
]
KEY_OF_AWS = "AKIA" + "IOSFODNN7EXAMPLE"
INNOCENT = [
    "KeyError: 'token'",
    '{"tokens":512}',
    "pass: 3, fail: 1",
    "pass=12 fail=3",
    "see https://example.com/@someone and mail me@example.com",
    "see https://example.com:8080/@someone",
    "eyjafjallajokull",
    "the password is wrong",
    "public_key_path /etc/x",
    "a basic understanding of things",
    "Basic authentication failed",
    "unexpected token '<'",
    "the cookie jar is empty",
    "usage: tool --password-file FILE",
    "usage: tool [--token-ttl SECONDS]",
    "sk-learn is not installed",
    "task sk-1",
    "<td>12</td>",
    "(north, 'token')",
    "2 tests passed, 1 failed",
    "compass=north",
    "bypass: true",
    "AKIA is a prefix",
    "pwd is /srv/app",
    "secret santa",
    "tokens per second: 12",
    "the api key of the door",
]
HOSTILE = [
    "secret",
    "password=",
    "password:    ",
    "password='",
    'password=\\"',
    "://",
    "://a:",
    "://a:b@",
    "://a:b/",
    "authorization:",
    "-----BEGIN PRIVATE KEY-----",
    "token=\\",
    "a_pass",
    "--password ",
    "--a",
    "<password>",
    "<token ",
    "('password',",
    "Cookie:",
    "?sig=",
    "basic A",
    "password: |\n ",
    "pass=",
    "pwd:",
    "sk-",
    "a" * 100 + "=",
    "\\" * 50,
    "A.",
    "-",
    "_",
    "access_key",
    "['token', '",
    "hooks.slack.com/",
    "A" * 12,
    "\x00",
    "\u200b",
]


@pytest.mark.parametrize("text", SHAPES)
def test_a_secret_is_taken_out_in_each_shape(text: str) -> None:
    cleaned = clean(text)
    assert SECRET not in cleaned
    assert "aHVudGVyMng" not in cleaned
    assert "[redacted]" in cleaned


def test_the_key_of_a_cloud_is_known_by_its_beginning() -> None:
    assert clean(f"key {KEY_OF_AWS} denied") == "key [redacted] denied"


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("encoded", ["dXNlcjpjb3JyZWN0IGhvcnNl", "eHg6Y29ycmVjdCBob3JzZQ=="])
def test_a_secret_variable_is_found_in_base_64_among_other_text(monkeypatch: pytest.MonkeyPatch, encoded: str) -> None:
    monkeypatch.setenv("ACME_PASSWORD", "correct horse")
    redaction.own_secrets.cache_clear()
    try:
        cleaned = clean(f"header {encoded} refused")
        assert cleaned.endswith("[redacted] refused")
        assert "b3Jz" not in cleaned
        assert clean("it was correct\u200b ho\x00rse") == "it was [redacted]"
    finally:
        redaction.own_secrets.cache_clear()


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_hostile_text_takes_long(piece: str) -> None:
    text = (piece * 20_000)[: 16 * 1024]
    begun = time.process_time()
    clean(text)
    assert time.process_time() - begun < 1.0
