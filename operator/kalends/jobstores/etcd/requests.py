"""Requests of etcd's HTTP gateway: transactions, comparisons, ranges."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kalends.errors import Unavailable
from kalends.references import object_of

try:
    from etcd3gw.client import Etcd3Client
    from etcd3gw.exceptions import Etcd3Exception
except ImportError as error:
    raise ImportError("EtcdJobStore needs the package etcd3gw: pip install 'kalends[etcd]'") from error

TIMEOUT = 10.0
"""Seconds that a request may take, unless ``timeout`` is given."""
Found = list[tuple[str, bytes]]
"""Keys and values of a range."""


def client_of(given: Any, connect_args: Mapping[str, Any]) -> Etcd3Client:
    """Return the client that was given, or a new client.

    Raises:
        TypeError: It is a client of another package.
    """
    found = Etcd3Client(**{"timeout": TIMEOUT} | dict(connect_args)) if given is None else object_of(given)
    if not isinstance(found, Etcd3Client):
        kind = type(found)
        raise TypeError(f"client must be an etcd3gw.Etcd3Client, got {kind.__module__}.{kind.__name__}")
    return found


def versioned(client: Etcd3Client, key: str) -> tuple[int, bytes] | None:
    """Return how often a key was written since it was created, and its value; None if there is none.

    Raises:
        Unavailable: etcd refused it, or did not answer.
    """
    with _problems(client):
        found = client.get(key, metadata=True)
    return (int(found[0][1]["version"]), found[0][0]) if found else None


@contextmanager
def _problems(client: Etcd3Client) -> Iterator[None]:
    try:
        yield
    except Etcd3Exception as error:
        why = error.detail_text or " ".join(map(str, error.args)) or type(error).__name__
        raise Unavailable(f"etcd at {client.base_url}: {why.strip()}") from error


def transaction(
    client: Etcd3Client, compare: Sequence[Any], success: Sequence[Any], failure: Sequence[Any] = ()
) -> tuple[bool, list[Found]]:
    """Carry out a transaction; return whether its comparisons held, and what each of its operations found.

    Raises:
        Unavailable: etcd refused it, or did not answer.
    """
    asked: Any = {"compare": compare, "success": success, "failure": failure}
    with _problems(client):
        answer: Any = client.transaction(asked)
    found: list[Found] = []
    for response in answer.get("responses", ()):
        keys = response.get("response_range", {}).get("kvs", ())
        found.append([(b64decode(one["key"]).decode(), b64decode(one.get("value", ""))) for one in keys])
    return bool(answer.get("succeeded")), found


def compare_value(key: str, value: str) -> dict[str, Any]:
    """Compare: the key has this value."""
    return {"key": _text(key), "target": "VALUE", "result": "EQUAL", "value": _text(value)}


def compare_prefix(key: str, prefix: str) -> list[dict[str, Any]]:
    """Compare: the value of the key begins with this text, and is longer."""
    after = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"
    of_value = {"key": _text(key), "target": "VALUE"}
    return [
        {**of_value, "result": "GREATER", "value": _text(prefix)},
        {**of_value, "result": "LESS", "value": _text(after)},
    ]


def compare_missing(key: str) -> dict[str, Any]:
    """Compare: the key does not exist."""
    return {"key": _text(key), "target": "CREATE", "result": "EQUAL", "create_revision": 0}


def compare_exists(key: str) -> dict[str, Any]:
    """Compare: the key exists."""
    return {"key": _text(key), "target": "VERSION", "result": "GREATER", "version": 0}


def compare_version(key: str, version: int) -> dict[str, Any]:
    """Compare: the key was written so often since it was created."""
    return {"key": _text(key), "target": "VERSION", "result": "EQUAL", "version": version}


def put(key: str, value: bytes) -> dict[str, Any]:
    """Write a key."""
    return {"request_put": {"key": _text(key), "value": b64encode(value).decode()}}


def read(key: str) -> dict[str, Any]:
    """Read a key."""
    return {"request_range": {"key": _text(key)}}


def read_below(prefix: str, **options: Any) -> dict[str, Any]:
    """Read the keys that begin with a prefix."""
    return {"request_range": _range(prefix, _end(prefix)) | options}


def delete(key: str) -> dict[str, Any]:
    """Remove a key, if it exists."""
    return {"request_delete_range": {"key": _text(key)}}


def delete_below(prefix: str) -> dict[str, Any]:
    """Remove the keys that begin with a prefix."""
    return {"request_delete_range": _range(prefix, _end(prefix))}


def delete_beside(prefix: str, kept: str) -> list[dict[str, Any]]:
    """Remove the keys that begin with a prefix, but not those that begin with a longer prefix."""
    before, after = _range(prefix, kept), _range(_end(kept), _end(prefix))
    return [{"request_delete_range": before}, {"request_delete_range": after}]


def _range(first: str, end: str) -> dict[str, str]:
    return {"key": _text(first), "range_end": _text(end)}


def _end(prefix: str) -> str:
    """Return the first key after those that begin with a prefix. The prefix ends with a character of ASCII."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _text(value: str) -> str:
    return b64encode(value.encode()).decode()
