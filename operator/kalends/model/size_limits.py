"""How large a manifest may be and how deep it may nest: one limit for files, for the operator and for what it creates.

A schema of the API server can bound neither: fields such as `args` and `jobTemplate.spec` take any JSON.
"""

from __future__ import annotations

from typing import Any

import orjson

from kalends.errors import InvalidSpec
from kalends.model.reasons import Reason

DEEPEST = 100
"""How deep lists and objects nest, counted from the object itself: twice what a pod template needs."""
LARGEST_SPEC = 262_144
"""Bytes of a spec, written as JSON without spaces. The API server stores objects of a mebibyte and a half at most."""
ACCEPTED = f"must be at most {LARGEST_SPEC:,} bytes of JSON, nested at most {DEEPEST} deep"


def refuse_excess(spec: Any) -> None:
    """Refuse a spec that is too large or nested too deeply.

    Raises:
        InvalidSpec: It is; the message says what is accepted.
    """
    try:
        text = orjson.dumps(spec)
    except TypeError:
        text = b""  # nested too deeply for the encoder, or no JSON, which the model refuses with better words
    if len(text) > LARGEST_SPEC:
        raise InvalidSpec(f"{ACCEPTED}, got {len(text):,} bytes", reason=Reason.TOO_LARGE)
    if text and text.count(b"[") + text.count(b"{") < DEEPEST:
        return
    if is_deeper_than(DEEPEST - 1, spec):
        raise InvalidSpec(f"{ACCEPTED}, got more than that", reason=Reason.TOO_LARGE)


def is_deeper_than(limit: int, value: Any) -> bool:
    """Return whether lists and objects nest more than ``limit`` deep in a value. It does not recurse."""
    level = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list | tuple):
                inner.extend(one)
        if not any(isinstance(one, dict | list | tuple) for one in level):
            return False
        level = inner
    return True
