"""A quick ``dataclasses.replace`` for the engine's values: deciding makes about ten such copies.

The standard function calls ``__init__`` with every field. This one copies slots, which takes about a quarter of the
time; type checkers see the standard function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from dataclasses import fields
    from dataclasses import replace as _replace
    from functools import cache
    from operator import attrgetter

    def replace(obj: Any, /, **changes: Any) -> Any:
        """Return a copy of a frozen dataclass with other values in some fields.

        Raises:
            TypeError: There is no such field.
        """
        copier = _copier(type(obj))
        return _replace(obj, **changes) if copier is None else copier(obj, changes)

    @cache
    def _copier(kind: type) -> Callable[[Any, Mapping[str, Any]], Any] | None:
        """Return a function that copies instances of a class; None if more than copying is needed."""
        names = [field.name for field in fields(kind)]
        slots = [kind.__dict__.get(name) for name in names]
        plain = all(hasattr(slot, "__set__") for slot in slots) and all(field.init for field in fields(kind))
        if not plain or len(names) == 1 or hasattr(kind, "__post_init__"):
            return None
        # attrgetter returns a tuple only for several names.
        values_of, places = attrgetter(*names), {name: place for place, name in enumerate(names)}
        setters = [slot.__set__ for slot in slots]

        def copied(obj: Any, changes: Mapping[str, Any]) -> Any:
            new, values = object.__new__(kind), [*values_of(obj)]
            try:
                for name, value in changes.items():
                    values[places[name]] = value
            except KeyError as error:
                raise TypeError(f"{kind.__name__} has no field {error}") from None
            for set_value, value in zip(setters, values, strict=True):
                set_value(new, value)
            return new

        return copied


__all__ = ["replace"]
