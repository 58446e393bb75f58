"""Objects and lists that are too deep or too large are read in part, and harm no other."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from hostile import DEPTHS, fields, nested, wide
from kalends.kube.wire.bounded_objects import LATER, MOST_VALUES, is_small, read_object, read_small, unread
from kalends.kube.wire.listing import read_list
from kalends.kube.wire.responses import Lines

META = {"name": "poison", "namespace": "team", "uid": "u-1", "resourceVersion": "7", "generation": 1}
HOSTILE = [
    pytest.param(nested(1_024), id="lists, 1,024 deep"),
    pytest.param(nested(5_000, objects=True), id="objects, 5,000 deep"),
    pytest.param(wide(1_300_000), id="433,333 empty lists"),
]


def text_of(spec: Any, **more: Any) -> bytes:
    return orjson.dumps({"apiVersion": "v1", "kind": "K", "metadata": META, "spec": spec, **more})


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("field", ["args", "kwargs", "template"])
def test_of_a_hostile_object_all_but_its_spec_is_read(value: Any, field: str) -> None:
    found = read_object(text_of(fields(value)[field], status={"seq": 1}))
    assert found["metadata"] == META
    assert found["status"] == {"seq": 1}
    assert "spec" not in found
    assert set(unread(found)) == {"spec"}


@pytest.mark.parametrize("value", HOSTILE)
def test_of_hostile_metadata_the_harmless_members_are_read(value: Any) -> None:
    managed = {**META, "managedFields": [{"fieldsV1": value}]}
    found = read_object(orjson.dumps({"metadata": managed, "spec": {"a": 1}}))
    assert found["metadata"] == META
    assert found["spec"] == {"a": 1}
    assert set(unread(found)) == {"metadata"}


def test_an_object_within_the_bounds_is_read_whole() -> None:
    text = text_of({"x": nested(900)}, status={})
    assert read_object(text) == orjson.loads(text)


@pytest.mark.parametrize("depth", [d for d in DEPTHS if d > 400])
def test_a_recursive_reader_receives_the_identity_of_a_large_object(depth: int) -> None:
    text = text_of({"x": nested(depth)})
    assert not is_small(text)
    found = read_small(text)
    assert found["metadata"] == META
    assert unread(found) == {"spec": LATER}


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b'{"metadata":{}}' + b" " * 10 + b"x", b"<html>"])
def test_what_is_no_object_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several decoders
        read_object(text)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("size", [1_000, 65_536, 10_000_000])
def test_a_hostile_line_ends_no_watch(value: Any, size: int) -> None:
    objects = [text_of({}), text_of({"x": value}), text_of({"last": True})]
    text = b"".join(b'{"type":"ADDED","object":' + one + b"}\n" for one in objects)
    lines = Lines()
    found = [line for start in range(0, len(text), size) for line in lines.feed(text[start : start + size])]
    assert [(kind, obj["metadata"]["name"], "spec" in obj) for kind, obj in found] == [
        ("ADDED", "poison", True),
        ("ADDED", "poison", False),
        ("ADDED", "poison", True),
    ]


async def in_chunks(text: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def list_text(items: list[bytes], *, metadata_first: bool) -> bytes:
    metadata = b'"metadata":{"resourceVersion":"9","continue":"token"}'
    parts = [metadata, b'"items":[' + b",".join(items) + b"]"]
    return b'{"kind":"KList",' + b",".join(parts if metadata_first else parts[::-1]) + b"}"


async def listed(text: bytes, size: int) -> tuple[list[Any], list[bytes]]:
    skipped: list[bytes] = []
    async with aclosing(read_list(in_chunks(text, size), read_object, lambda one, _: skipped.append(one))) as parts:
        return [part async for part in parts], skipped


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("size", [1_000, 65_536, 100_000_000])
@pytest.mark.parametrize("first", ["metadata", "items"])
async def test_a_hostile_item_ends_no_list(value: Any, size: int, first: str) -> None:
    items = [text_of({"n": 0}), text_of({"x": value}), text_of({"n": 2})]
    parts, skipped = await listed(list_text(items, metadata_first=first == "metadata"), size)
    assert [one.get("spec") for part in parts for one in part["items"]] == [{"n": 0}, None, {"n": 2}]
    assert parts[-1]["metadata"] == {"resourceVersion": "9", "continue": "token"}
    assert skipped == []


async def test_an_item_that_cannot_be_named_is_left_out_alone() -> None:
    nameless = orjson.dumps({"metadata": {}, "spec": nested(5_000)})
    parts, skipped = await listed(list_text([text_of({}), nameless, text_of({})], metadata_first=False), 1_000)
    assert sum(len(part["items"]) for part in parts) == 2
    assert skipped == [nameless]


async def test_a_list_of_many_values_comes_in_parts_of_bounded_size() -> None:
    one = text_of({"x": wide(90_000)})
    parts, _ = await listed(list_text([one] * 40, metadata_first=True), 65_536)
    assert sum(len(part["items"]) for part in parts) == 40
    assert max(len(part["items"]) for part in parts) <= MOST_VALUES / 60_000 + 1


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"metadata":{},"items":[{}', b"<html>", b'{"items":[]}'])
async def test_what_is_no_list_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several decoders
        await listed(text, 5)


async def test_an_empty_list_may_have_no_items() -> None:
    parts, _ = await listed(b'{"metadata":{"resourceVersion":"9"},"items":null}', 5)
    assert [part["items"] for part in parts] == [None]
