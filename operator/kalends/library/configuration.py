"""The configuration of a scheduler: keyword arguments, or a flat dictionary with dotted keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kalends.references import object_at

PREFIXES = ("kalends.", "apscheduler.")
"""Prefixes of keys that are read if the program names none."""


def without_prefix(config: Mapping[str, Any], prefix: str | None) -> dict[str, Any]:
    """Return the entries of a flat dictionary whose key has the prefix, without it. None: Kalends' or APScheduler's."""
    prefixes = PREFIXES if prefix is None else (prefix,)
    found: dict[str, Any] = {}
    for one in prefixes:
        found = {key[len(one) :]: value for key, value in config.items() if key.startswith(one)} | found
    return found


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary in which ``{"executors.default.type": …}`` has become ``{"executors": {"default": …}}``."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        parent: MutableMapping[str, Any] = tree
        *parts, last = key.split(".")
        for part in parts:
            parent = parent.setdefault(part, {})
            if not isinstance(parent, MutableMapping):
                raise ValueError(f"{key!r} is configured as a value and as a group of values")  # noqa: TRY004 - no type is wrong
        if isinstance(value, Mapping) and isinstance(parent.get(last), MutableMapping):
            parent[last].update(value)
        else:
            parent[last] = value
    return tree


class Plugins:
    """Classes of a kind by alias: those of Kalends, and those of installed packages by entry points."""

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str], base: type) -> None:
        """Return the plugins of a kind.

        Args:
            kind: What they are, for messages.
            group: The group of entry points.
            builtin: References to the classes of Kalends, by alias.
            base: The class that all of them have.
        """
        self._kind = kind
        self._group = group
        self._builtin = builtin
        self._base = base

    def _installed(self) -> Iterator[EntryPoint]:
        yield from entry_points(group=self._group)

    def create(self, alias: str, options: Mapping[str, Any]) -> Any:
        """Return an instance of the class of an alias.

        Raises:
            LookupError: There is no such alias; the message names those that there are.
            ImportError: A package that it needs is not installed.
            TypeError: The class is not of this kind.
        """
        if alias in self._builtin:
            return object_at_or_missing(self._builtin[alias])(**options)
        installed = {point.name: point for point in self._installed()}
        if alias not in installed:
            known = ", ".join(sorted({*self._builtin, *installed}))
            raise LookupError(f"there is no {self._kind} {alias!r}; there are: {known}")
        found = installed[alias].load()
        if not isinstance(found, type) or not issubclass(found, self._base):
            raise TypeError(
                f"the entry point {alias!r} of {self._group} must be a {self._base.__name__}, got {found!r}"
            )
        return found(**options)

    def configured(self, alias: str, value: Any) -> Any:
        """Return what a configuration has under an alias: an instance, or one made from ``type`` or ``class``.

        Raises:
            TypeError: It is neither.
            LookupError: There is no such ``type`` or ``class``.
        """
        if isinstance(value, self._base):
            return value
        if not isinstance(value, Mapping):
            raise TypeError(
                f"the {self._kind} {alias!r} must be a {self._base.__name__} or a dictionary with 'type' or 'class', "
                f"got {type(value).__name__}"
            )
        options = dict(value)
        plugin, reference = options.pop("type", None), options.pop("class", None)
        if plugin:
            return self.create(plugin, options)
        if reference:
            return object_at(reference)(**options)
        raise ValueError(f"the {self._kind} {alias!r} needs 'type', an alias, or 'class', a reference to a class")


def object_at_or_missing(reference: str) -> Any:
    """Return the class at a reference; an ImportError names the missing package."""
    module, _, name = reference.partition(":")
    from importlib import import_module

    return getattr(import_module(module), name)


def as_int(value: Any) -> int | None:
    """Return a number of a configuration, which may be text; None stays None, also as the text ``None``."""
    if value is None or value in {"None", "none", ""}:
        return None
    return int(value)
