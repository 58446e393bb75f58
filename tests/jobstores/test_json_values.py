"""Arguments as JSON: what was written is read again, and what cannot be written is refused with its place."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.resources import files
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstores.values import Client, Colour, Level, Pair, Permission, Point
from kalends.jobstores.json_values import NoJsonForm, decode, encode

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-3, minutes=-30)), ZoneInfo("Australia/Lord_Howe")])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(), max_size=20),
    st.binary(max_size=20),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([*Colour, *Level, Permission.READ, Permission.READ | Permission.WRITE]),
)


def hashable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values.filter(lambda value: not isinstance(value, Decimal) or not value.is_snan())


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(hashable(SCALARS), max_size=3),
        st.sets(hashable(SCALARS), max_size=3),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.dictionaries(hashable(SCALARS), inner, max_size=3),
        st.builds(Client, st.text(max_size=5).filter(lambda name: name != "never"), st.lists(inner, max_size=2)),
        st.builds(Point, st.floats(allow_nan=False), st.floats(allow_nan=False)),
    ),
    max_leaves=10,
)


def through_json(value: Any) -> Any:
    text = orjson.dumps(encode(value, "args[0]"))
    assert json.loads(text) == orjson.loads(text)
    return decode(orjson.loads(text))


def shape(value: Any) -> Any:
    """Return a value with the types in it, as 1, 1.0, True and Level.LOW are equal."""
    if isinstance(value, (list, tuple)):
        return type(value), [shape(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, value))
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, (Client, Point)):
        return type(value), shape(vars(value) if isinstance(value, Client) else (value.x, value.y))
    return type(value), getattr(value, "fold", 0), repr(value)


@given(VALUES)
def test_values_survive(value: Any) -> None:
    found = through_json(value)
    assert shape(found) == shape(value)


@given(st.sets(SCALARS.filter(lambda value: not isinstance(value, Decimal)), max_size=6))
def test_equal_sets_are_equal_texts(members: set[Any]) -> None:
    in_order = sorted(members, key=repr)
    again = set(in_order)
    assert orjson.dumps(encode(members, "")) == orjson.dumps(encode(again, ""))


@pytest.mark.parametrize("number", [math.inf, -math.inf, -0.0, 5e-324])
def test_unusual_floats_survive(number: float) -> None:
    assert repr(through_json(number)) == repr(number)


def test_nan_survives() -> None:
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (
            datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
            {"$datetime": "2026-10-25T02:30:00", "zone": "Europe/Berlin", "fold": 1},
        ),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), {"$datetime": "2026-03-29T02:30:00", "zone": "Europe/Berlin"}),
        (time(9, tzinfo=timezone(timedelta(hours=2))), {"$time": "09:00:00", "zone": "+02:00"}),
        (date(2026, 1, 2), {"$date": "2026-01-02"}),
        (timedelta(days=-1, microseconds=3), {"$timedelta": [-1, 0, 3]}),
        (Decimal("1.10"), {"$decimal": "1.10"}),
        (UUID(int=7), {"$uuid": "00000000-0000-0000-0000-000000000007"}),
        (b"\0\xff", {"$bytes": "AP8="}),
        ((1, [2]), {"$tuple": [1, [2]]}),
        ({2, 1}, {"$set": [1, 2]}),
        ({"$set": 1}, {"$dict": [["$set", 1]]}),
        ({1: "a"}, {"$dict": [[1, "a"]]}),
        ("\ud800", {"$utf16": "00d8"}),
        (1 << 63, {"$int": "8000000000000000"}),
        (Colour.CRIMSON, {"$enum": "jobstores.values:Colour", "name": "RED"}),
        (Permission.READ | Permission.WRITE, {"$enum": "jobstores.values:Permission", "value": 3}),
        (Point(1.0, 2.0), {"$dataclass": "jobstores.values:Point", "fields": {"x": 1.0, "y": 2.0}}),
    ],
)
def test_values_have_a_documented_form(value: Any, written: Any) -> None:
    assert encode(value, "") == written
    assert shape(decode(written)) == shape(value)


class Unimportable:
    """Is no argument that can be stored."""


def contains_itself() -> list[Any]:
    value: list[Any] = []
    value.append({"inner": value})
    return value


def deep() -> Any:
    value: Any = 1
    for _ in range(200):
        value = [value]
    return value


def with_attribute() -> Client:
    client = Client("a")
    client.socket = object()  # type: ignore[attr-defined]
    return client


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {"client": [1, 2, 3, object()]}, r"kwargs\['client'\]\[3\] must be None, .*, got builtins\.object"),
        (lambda: {"a": {1: (Unimportable(),)}}, r"kwargs\['a'\]\[1\]\[0\] must be"),
        (lambda: {"a": {(object(),): 1}}, r"the key \(<object .*>,\) of kwargs\['a'\]\[0\] must be"),
        (lambda: {"a": Client("b", [object()])}, r"kwargs\['a'\]\.tags\[0\] must be"),
        (lambda: {"a": Pair(1, 2)}, r"kwargs\['a'\] must be .*, got jobstores\.values\.Pair"),
        (lambda: {"a": OrderedDict()}, r"kwargs\['a'\] must be .*OrderedDict"),
        (lambda: {"a": len}, r"kwargs\['a'\] must be .*builtin_function"),
        (lambda: {"a": contains_itself()}, r"kwargs\['a'\]\[0\]\['inner'\] contains itself"),
        (lambda: {"a": deep()}, "nested more than 100 levels"),
        (lambda: {"a": with_attribute()}, r"kwargs\['a'\] has the attribute 'socket', which is not a field"),
        (
            lambda: {"a": datetime(2026, 1, 1, tzinfo=zone_without_name())},
            r"kwargs\['a'\]: timezone must",
        ),
    ],
)
def test_other_values_are_refused_with_their_place(make: Callable[[], dict[str, Any]], message: str) -> None:
    ((key, value),) = make().items()
    with pytest.raises(NoJsonForm, match=message):
        encode(value, f"kwargs[{key!r}]")


def zone_without_name() -> ZoneInfo:
    with (files("tzdata") / "zoneinfo" / "Europe" / "Berlin").open("rb") as file:
        return ZoneInfo.from_file(file)


def test_a_class_inside_a_function_is_refused() -> None:
    from dataclasses import dataclass

    @dataclass
    class Local:
        x: int

    with pytest.raises(NoJsonForm, match="a class that cannot be imported"):
        encode(Local(1), "args[0]")


def test_a_cached_property_is_no_obstacle() -> None:
    client = Client("a")
    assert client.upper == "A"
    assert through_json(client) == client


def test_the_constructor_of_a_dataclass_is_not_called() -> None:
    found = decode({"$dataclass": "jobstores.values:Client", "fields": {"name": "never"}})
    assert (found.name, found.tags, found.level) == ("never", [], Level.LOW)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"$dataclass": "subprocess:Popen", "fields": {"args": "true"}}, "must be a dataclass"),
        ({"$dataclass": "jobstores.values:Colour", "fields": {}}, "must be a dataclass"),
        ({"$enum": "builtins:eval", "value": "1"}, "must be an enum"),
        ({"$enum": "jobstores.values:Colour", "name": "GREEN"}, "has no member 'GREEN' any more"),
        ({"$enum": "jobstores.values:Colour", "name": "mro"}, "has no member 'mro' any more"),
        ({"$dataclass": "jobstores.values:Point", "fields": {"x": 1.0}}, "no field 'y'"),
        ({"$dataclass": "jobstores.values:Point", "fields": {"x": 1.0, "y": 1.0, "z": 1.0}}, "no field 'z' any more"),
        ({"$dataclass": "jobstores.values:Gone", "fields": {}}, "cannot resolve"),
        ({"$pickle": "gASV"}, r"no type '\$pickle'"),
    ],
)
def test_what_is_no_value_is_refused(written: Any, message: str) -> None:
    with pytest.raises((ValueError, LookupError), match=message):
        decode(written)
