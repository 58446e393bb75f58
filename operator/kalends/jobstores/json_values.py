"""Arguments of jobs as JSON values: what each type becomes, and how it is read again.

None, booleans, text, numbers, lists, and dictionaries with text as keys stand for themselves. Any other value is an
object with one key that starts with ``$``, and where needed further keys:

========================= ==========================================================================================
``$datetime``             ISO 8601 wall time, ``zone`` (``Europe/Berlin``, ``+02:00``) if it is aware, ``fold`` if 1
``$date``, ``$time``      ISO 8601; a time may have ``zone`` and ``fold``
``$timedelta``            ``[days, seconds, microseconds]``
``$decimal``, ``$uuid``   text
``$bytes``                Base64
``$tuple``, ``$set``,     a list
``$frozenset``
``$dict``                 ``[[key, value], ...]``, if a key is not text, or starts with ``$``
``$enum``                 ``module:Class``, and ``name``, or ``value`` for combined flags
``$dataclass``            ``module:Class``, and ``fields``
``$float``                ``nan``, ``inf``, ``-inf``
``$int``                  hexadecimal, beyond 64 bits
``$utf16``                hexadecimal UTF-16, for text with lone surrogates
========================= ==========================================================================================

Subclasses of these types (named tuples, for example) are refused, as they would become their base class.

Reading a value imports the modules that it names, and makes members of enums and instances of dataclasses, nothing
else. Of a dataclass the fields are set; its ``__init__`` and ``__post_init__`` are not called.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

from kalends.references import object_at, reference_of
from kalends.triggers.programs.timezones import timezone_from, timezone_text

ACCEPTED = (
    "None, a boolean, a number, text, bytes, a datetime, date, time or timedelta, a Decimal, a UUID, a member of an "
    "enum, an instance of a dataclass, or a list, tuple, set, frozenset or dictionary of these"
)
MOST_LEVELS = 100
"""How deep values may be nested."""
_64_BITS = range(-(1 << 63), 1 << 63)


class NoJsonForm(TypeError):
    """A value that has no JSON form; the message names its place."""


def encode(value: Any, place: str) -> Any:
    """Return a value as JSON values.

    Args:
        value: The value.
        place: Where it stands, for messages: ``kwargs['client']``.

    Raises:
        NoJsonForm: It has none.
    """
    return _encode(value, place, ())


def _encode(value: Any, place: str, inside: tuple[int, ...]) -> Any:  # noqa: C901, PLR0911 - a case for each kind
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind in _SCALARS:
        try:
            return _SCALARS[kind](value)
        except TypeError as error:  # the zone of a moment
            raise NoJsonForm(f"{place}: {error}") from error
    if id(value) in inside:
        raise NoJsonForm(f"{place} contains itself")
    if len(inside) >= MOST_LEVELS:
        raise NoJsonForm(f"{place} is nested more than {MOST_LEVELS} levels deep")
    inside = (*inside, id(value))
    if kind is list:
        return _items(value, place, inside)
    if kind is tuple:
        return {"$tuple": _items(value, place, inside)}
    if kind is dict:
        return _dictionary(value, place, inside)
    if kind in {set, frozenset}:
        members = [_encode(member, f"a member of {place}", inside) for member in value]
        # Equal sets are equal texts.
        return {f"${kind.__name__}": sorted(members, key=lambda member: json.dumps(member, sort_keys=True))}
    if isinstance(value, enum.Enum):
        return _member(value, place)
    if dataclasses.is_dataclass(kind):
        return _instance(value, place, inside)
    raise NoJsonForm(f"{place} must be {ACCEPTED}, got {kind.__module__}.{kind.__qualname__}")


def _items(value: Iterable[Any], place: str, inside: tuple[int, ...]) -> list[Any]:
    return [_encode(item, f"{place}[{number}]", inside) for number, item in enumerate(value)]


def _dictionary(value: Mapping[Any, Any], place: str, inside: tuple[int, ...]) -> Any:
    if all(type(key) is str and not key.startswith("$") and _is_unicode(key) for key in value):
        return {key: _encode(item, f"{place}[{key!r}]", inside) for key, item in value.items()}
    return {
        "$dict": [
            [_encode(key, f"the key {key!r} of {place}", inside), _encode(item, f"{place}[{key!r}]", inside)]
            for key, item in value.items()
        ]
    }


def _member(value: enum.Enum, place: str) -> Any:
    reference = _class_reference(type(value), place)
    name = value.name
    if type(value).__members__.get(name) is value:
        return {"$enum": reference, "name": name}
    return {"$enum": reference, "value": encode(value.value, f"{place}.value")}


def _instance(value: Any, place: str, inside: tuple[int, ...]) -> Any:
    reference = _class_reference(type(value), place)
    names = [field.name for field in dataclasses.fields(value)]
    for name in getattr(value, "__dict__", {}).keys() - names:
        if not isinstance(getattr(type(value), name, None), functools.cached_property):
            raise NoJsonForm(f"{place} has the attribute {name!r}, which is not a field of its dataclass")
    missing = [name for name in names if not hasattr(value, name)]
    if missing:
        raise NoJsonForm(f"{place} has no value in its field {missing[0]!r}")
    return {
        "$dataclass": reference,
        "fields": {name: _encode(getattr(value, name), f"{place}.{name}", inside) for name in names},
    }


def _class_reference(kind: type, place: str) -> str:
    try:
        return str(reference_of(kind))
    except ValueError as error:
        raise NoJsonForm(f"{place} is of a class that cannot be imported: {error}") from error


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: str) -> Any:
    return value if _is_unicode(value) else {"$utf16": value.encode("utf-16-le", "surrogatepass").hex()}


def _zoned(tag: str, value: datetime | time) -> dict[str, Any]:
    found: dict[str, Any] = {tag: value.replace(tzinfo=None).isoformat()}
    if value.tzinfo is not None:
        found["zone"] = timezone_text(value.tzinfo)
    if value.fold:
        found["fold"] = 1
    return found


_AS_THEY_ARE = {type(None), bool}
_SCALARS: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    int: lambda value: value if value in _64_BITS else {"$int": f"{value:x}"},
    float: lambda value: value if math.isfinite(value) else {"$float": str(value)},
    bytes: lambda value: {"$bytes": base64.b64encode(value).decode()},
    datetime: lambda value: _zoned("$datetime", value),
    time: lambda value: _zoned("$time", value),
    date: lambda value: {"$date": value.isoformat()},
    timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value: {"$decimal": str(value)},
    UUID: lambda value: {"$uuid": str(value)},
}


def decode(value: Any) -> Any:
    """Return the value that ``encode`` wrote.

    Raises:
        ValueError: It was not written by ``encode``, or names a class that is neither an enum nor a dataclass.
        LookupError: A class, a member or a field that it names does not exist any more.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next((key for key in value if key.startswith("$")), None)
    if tag is None:
        return {key: decode(item) for key, item in value.items()}
    if tag not in _READERS:
        raise ValueError(f"there is no type {tag!r} of arguments; there are: {', '.join(_READERS)}")
    return _READERS[tag](value[tag], value)


def _zone(rest: Mapping[str, Any]) -> tzinfo | None:
    return timezone_from(rest["zone"]) if "zone" in rest else None


def _read_datetime(text: str, rest: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=_zone(rest), fold=rest.get("fold", 0))


def _read_time(text: str, rest: Mapping[str, Any]) -> time:
    return time.fromisoformat(text).replace(tzinfo=_zone(rest), fold=rest.get("fold", 0))


def _read_member(reference: str, rest: Mapping[str, Any]) -> Any:
    found = object_at(reference)
    if not isinstance(found, enum.EnumMeta):
        raise ValueError(f"{reference!r} must be an enum")  # noqa: TRY004 - the text is wrong, not a type
    if "name" not in rest:
        return found(decode(rest["value"]))
    if rest["name"] not in found.__members__:
        raise LookupError(f"{reference!r} has no member {rest['name']!r} any more")
    return found.__members__[rest["name"]]


def _read_instance(reference: str, rest: Mapping[str, Any]) -> Any:
    found = object_at(reference)
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise ValueError(f"{reference!r} must be a dataclass")
    given = {name: decode(value) for name, value in rest["fields"].items()}
    made = object.__new__(found)
    for field in dataclasses.fields(found):
        if field.name in given:
            value = given.pop(field.name)
        elif field.default is not dataclasses.MISSING:  # a field that was added since
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            raise LookupError(f"the stored {reference!r} has no field {field.name!r}, which has no default")
        object.__setattr__(made, field.name, value)
    if given:
        raise LookupError(f"{reference!r} has no field {next(iter(given))!r} any more")
    return made


_READERS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "$datetime": _read_datetime,
    "$date": lambda text, _: date.fromisoformat(text),
    "$time": _read_time,
    "$timedelta": lambda parts, _: timedelta(days=parts[0], seconds=parts[1], microseconds=parts[2]),
    "$decimal": lambda text, _: Decimal(text),
    "$uuid": lambda text, _: UUID(text),
    "$bytes": lambda text, _: base64.b64decode(text, validate=True),
    "$tuple": lambda items, _: tuple(decode(item) for item in items),
    "$set": lambda items, _: {decode(item) for item in items},
    "$frozenset": lambda items, _: frozenset(decode(item) for item in items),
    "$dict": lambda items, _: {decode(key): decode(item) for key, item in items},
    "$enum": _read_member,
    "$dataclass": _read_instance,
    "$float": lambda text, _: float(text),
    "$int": lambda text, _: int(text, 16),
    "$utf16": lambda text, _: bytes.fromhex(text).decode("utf-16-le", "surrogatepass"),
}
