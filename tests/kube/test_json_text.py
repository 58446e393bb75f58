"""Where values begin and end, against the decoder's own opinion."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalends.kube.wire.json_text import Incomplete, Malformed, members, next_item, value_end

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=40,
)
WRITERS = st.sampled_from([0, orjson.OPT_INDENT_2])


@given(JSON, WRITERS)
def test_a_value_ends_where_the_text_continues(value: object, how: int) -> None:
    text = orjson.dumps(value, option=how)
    assert value_end(text + b",", 0) == len(text)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5), WRITERS)
def test_the_members_of_an_object_are_those_that_a_decoder_finds(value: dict[str, object], how: int) -> None:
    text = orjson.dumps(value, option=how)
    assert {name: orjson.loads(text[start:end]) for name, start, end in members(text)} == value


@given(st.lists(JSON, max_size=5), WRITERS)
def test_the_items_of_a_list_are_those_that_a_decoder_finds(value: list[object], how: int) -> None:
    text, at, items = orjson.dumps(value, option=how), 1, []
    while not isinstance(found := next_item(text, at), int):
        items.append(orjson.loads(text[found[0] : found[1]]))
        at = found[1]
    assert items == value
    assert found == len(text)


@given(st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=5), st.data())
def test_a_text_that_was_cut_off_is_incomplete(value: dict[str, object], data: st.DataObject) -> None:
    text = orjson.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(Incomplete):
        list(members(cut))


@pytest.mark.parametrize("text", [b"[]", b"1", b"{1:2}", b'{"a" 1}', b'{"a":,}'])
def test_what_is_no_object_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        list(members(text))


def test_a_depth_of_a_million_is_no_matter() -> None:
    text = b'{"a":' * 500_000 + b"[" * 500_000 + b"]" * 500_000 + b"}" * 500_000
    ((name, start, end),) = members(text)
    assert (name, start, end) == ("a", 5, len(text) - 1)
