"""How large the values of a pickle are if each shared part is counted everywhere it is used.

A short pickle can describe an enormous value: a tuple that has another tuple twice, which has a third twice, and so on.
To hash such a value, to print it, or to write it as JSON takes time and memory for every use of every part. This module
follows the opcodes of a pickle, without making any object, and refuses such a pickle before it is read.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

FREE_SIZE = 4 * 2**20
"""A value may always have this size, in about bytes of JSON."""
MOST_UNFOLDED = 16
"""How many times as large as its pickle a value beyond ``FREE_SIZE`` may be."""
MOST_LEVELS = 500
"""How deep values may be nested: hashing a tuple recurses in C, where no limit of recursion applies."""
_OTHER_SIZE = 8
"""The size of None, of a number that is no integer, and of what is made of other values, without those."""


@dataclass(eq=False, slots=True)
class _Part:
    """A value of the pickle that consists of other values."""

    size: int
    """Its size, at first without the parts in it."""
    parts: list[_Part] = field(default_factory=list)
    users: list[_Part] = field(default_factory=list)
    """The values that have it as a part, once for each use."""
    missing: int = 0
    """How many uses of parts are not counted in ``size`` yet."""
    levels: int = 1

    def add(self, values: Iterable[_Value]) -> None:
        """Count further parts of the value."""
        for value in values:
            if isinstance(value, _Part):
                self.parts.append(value)
            else:
                self.size += value


_Value: TypeAlias = _Part | int


class SizeLimit:
    """What the pickles of one job may come to together."""

    def __init__(self) -> None:
        self._left = FREE_SIZE

    def spend(self, data: bytes) -> None:
        """Count the values of a pickle.

        Raises:
            pickle.UnpicklingError: They are too large or too deep, or a value contains itself.
            Exception: The pickle is damaged.
        """
        self._left += MOST_UNFOLDED * len(data)
        self._left -= _total(_Machine().run(data), self._left)


def _total(found: Sequence[_Part], most: int) -> int:
    """Return the sum of the sizes of all values that are no part of another."""
    for part in found:
        part.missing = len(part.parts)
        for inner in part.parts:
            inner.users.append(part)
    complete = [part for part in found if not part.missing]
    total, counted = 0, 0
    while complete:
        part = complete.pop()
        counted += 1
        if part.levels > MOST_LEVELS:
            raise pickle.UnpicklingError(f"values must be nested at most {MOST_LEVELS} levels deep")
        if part.size > most:
            raise _too_large()
        total += 0 if part.users else part.size
        for user in part.users:
            user.size += part.size
            user.levels = max(user.levels, part.levels + 1)
            user.missing -= 1
            if not user.missing:
                complete.append(user)
    if counted < len(found):
        raise pickle.UnpicklingError("the pickle has a value that contains itself, which is not admitted")
    if total > most:
        raise _too_large()
    return total


def _too_large() -> pickle.UnpicklingError:
    return pickle.UnpicklingError(
        f"the values of the pickle must have at most {MOST_UNFOLDED} times its length, or {FREE_SIZE // 2**20} MiB, if "
        "shared parts are counted at each use"
    )


class _Machine:
    """Follows the opcodes of a pickle, as ``pickletools`` describes them.

    On its stack a number stands for a value without parts, which has this size.
    """

    def __init__(self) -> None:
        self._stack: list[_Value] = []
        self._marks: list[list[_Value]] = []
        self._memo: dict[int, _Value] = {}
        self._last_position = 0
        self._all: list[_Part] = []

    def run(self, data: bytes) -> list[_Part]:
        """Return all values with parts that the pickle makes, those included that it drops."""
        self._last_position = len(data)
        for opcode, argument, _ in pickletools.genops(data):
            if (special := _SPECIAL.get(opcode.name)) is not None:
                special(self, argument)
                continue
            before = opcode.stack_before
            popped = self._to_mark() if pickletools.markobject in before else [self._stack.pop() for _ in before]
            if opcode.stack_after:
                self._push(_size_of(argument), popped, is_part=bool(before) or opcode.name in _CHANGEABLE)
        return self._all

    def _push(self, size: int, parts: list[_Value], *, is_part: bool) -> None:
        if not is_part:
            self._stack.append(size)
            return
        found = _Part(size)
        found.add(parts)
        self._all.append(found)
        self._stack.append(found)

    def _to_mark(self) -> list[_Value]:
        found = self._stack
        self._stack = self._marks.pop()
        return found

    def _add(self, parts: list[_Value]) -> None:
        # Nothing can be added to values without parts: the reader refuses it.
        if isinstance(self._stack[-1], _Part):
            self._stack[-1].add(parts)

    def mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def pop_mark(self, _: Any) -> None:
        self._to_mark()

    def duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def add_one(self, _: Any) -> None:
        self._add([self._stack.pop()])

    def add_pair(self, _: Any) -> None:
        self._add([self._stack.pop(), self._stack.pop()])

    def add_to_mark(self, _: Any) -> None:
        self._add(self._to_mark())

    def put(self, position: Any) -> None:
        # The reader reserves memory up to the highest position: no pickle of this length needs a higher one.
        if not 0 <= position <= self._last_position:
            raise pickle.UnpicklingError(f"the pickle names position {position} of its memo, which is not admitted")
        self._memo[position] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, position: Any) -> None:
        self._stack.append(self._memo[position])


def _size_of(argument: Any) -> int:
    if isinstance(argument, str | bytes | bytearray):
        return 1 + len(argument)
    if isinstance(argument, int):
        return 1 + argument.bit_length() // 4
    return _OTHER_SIZE


_CHANGEABLE = frozenset({"EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "BYTEARRAY8"})
_SPECIAL: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "APPEND": _Machine.add_one,
    "BUILD": _Machine.add_one,
    "SETITEM": _Machine.add_pair,
    "APPENDS": _Machine.add_to_mark,
    "SETITEMS": _Machine.add_to_mark,
    "ADDITEMS": _Machine.add_to_mark,
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
}
