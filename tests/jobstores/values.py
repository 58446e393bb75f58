"""Classes whose instances are arguments of jobs in these tests."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple


class Colour(enum.Enum):
    RED = "red"
    CRIMSON = "red"  # noqa: PIE796 - an alias
    BLUE = (1, 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Client:
    name: str
    tags: list[Any] = field(default_factory=list)
    level: Level = Level.LOW

    def __post_init__(self) -> None:
        if self.name == "never":
            raise AssertionError("a stored instance is not made by its constructor")

    def report(self) -> None:
        """Is a method of an instance that can be stored."""

    @cached_property
    def upper(self) -> str:
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


class Pair(NamedTuple):
    one: int
    other: int
