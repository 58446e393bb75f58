"""JSON that the API server stores and a decoder chokes on: too deep, or many times larger in memory than as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

DEPTHS = (99, 150, 254, 256, 900, 985, 1_024, 5_000)


def nested(depth: int, *, objects: bool = False) -> orjson.Fragment:
    """Return lists (or objects) that nest so deep."""
    if objects:
        return orjson.Fragment(b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1))
    return orjson.Fragment(b"[" * depth + b"]" * depth)


def wide(bytes_of_text: int) -> orjson.Fragment:
    """Return a list of empty lists: 3 bytes of text each, and 80 in memory."""
    return orjson.Fragment(b"[" + b",".join([b"[]"] * (bytes_of_text // 3)) + b"]")


def fields(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return a spec for each field of free form, with the value in it."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
    return {
        "args": {"task": {"name": "kalends.echo", "args": [value]}},
        "kwargs": {"task": {"name": "kalends.echo", "kwargs": {"value": value}}},
        "template": {"jobTemplate": {"spec": {"x": value, "template": {"spec": pod}}}},
    }
