"""Textual references to objects, ``package.module:name.of.attribute``, and whether arguments fit a callable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any


def object_at(reference: str) -> Any:
    """Return the object that ``package.module:name.of.attribute`` names.

    Raises:
        TypeError: It is not text.
        ValueError: It has not this form.
        LookupError: There is no such module or attribute.
    """
    if not isinstance(reference, str):
        raise TypeError(f"a reference must be text, got {type(reference).__name__}")
    module, separator, path = reference.partition(":")
    if not separator or not module or not path:
        raise ValueError(f"a reference must have the form 'package.module:name', got {reference!r}")
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise LookupError(f"cannot resolve {reference!r}: the module cannot be imported: {error}") from error
    try:
        for name in path.split("."):
            found = getattr(found, name)
    except AttributeError as error:
        raise LookupError(f"cannot resolve {reference!r}: {error}") from error
    return found


def object_of(value: Any) -> Any:
    """Return the object that a text refers to, or the value itself if it is not text."""
    return object_at(value) if isinstance(value, str) else value


def reference_of(obj: Any) -> str:
    """Return the reference to a function, a class, or a method of a class.

    A decorator may ask for the reference of the decorated function, whose module does not have its name yet.

    Raises:
        ValueError: No reference leads to it: a lambda, a nested function, a partial, a method of an instance.
    """
    if isinstance(obj, partial):
        raise ValueError("no reference leads to a partial() object")  # noqa: TRY004 - APScheduler's error
    name, module = _qualified_name(obj), getattr(obj, "__module__", None)
    if inspect.ismethod(obj) and not inspect.isclass(obj.__self__):
        module = type(obj.__self__).__module__
    if module is None or "<lambda>" in name:
        raise ValueError(f"no reference leads to {obj!r}: it is a lambda, or has no module")
    if "<locals>" in name:
        raise ValueError(f"no reference leads to {obj!r}: it is defined inside a function")
    reference = f"{module}:{name}"
    if _is_not_bound_yet(obj, name):
        return reference
    try:
        found = object_at(reference)
    except (LookupError, ValueError) as error:
        raise ValueError(f"no reference leads to {obj!r}: {error}") from error
    if found != obj and not (inspect.ismethod(obj) and getattr(obj, "__func__", None) is found):
        raise ValueError(f"no reference leads to {obj!r}: {reference!r} is another object")
    return reference


def _is_not_bound_yet(obj: Any, qualified_name: str) -> bool:
    """Return whether a function of a module has no name there, as while a decorator is applied to it."""
    return inspect.isfunction(obj) and qualified_name.partition(".")[0] not in obj.__globals__


def _qualified_name(obj: Any) -> str:
    if inspect.ismethod(obj) and inspect.isclass(obj.__self__):
        return f"{obj.__self__.__qualname__}.{obj.__func__.__name__}"
    name = getattr(obj, "__qualname__", None)
    return name if isinstance(name, str) else type(obj).__qualname__ + "()"


def name_of(function: Callable[..., Any]) -> str:
    """Return the default name of a job that calls the function."""
    if isinstance(function, partial):
        return name_of(function.func)
    if inspect.ismethod(function):
        owner = function.__self__ if inspect.isclass(function.__self__) else type(function.__self__)
        return f"{owner.__qualname__}.{function.__func__.__name__}"
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def check_arguments(  # noqa: C901, PLR0912 - a case for each kind of parameter
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Check that a callable accepts these arguments.

    Raises:
        ValueError: It does not; the message names the arguments.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (ValueError, TypeError):
        return  # a callable of C without a signature
    given = list(args)
    left = dict(kwargs)
    positional_only: list[str] = []
    doubled: list[str] = []
    missing: list[str] = []
    missing_keywords: list[str] = []
    takes_any_args = takes_any_kwargs = False
    for parameter in signature.parameters.values():
        name, has_default = parameter.name, parameter.default is not parameter.empty
        match parameter.kind:
            case parameter.POSITIONAL_OR_KEYWORD:
                if name in left and given:
                    doubled.append(name)
                elif given:
                    del given[0]
                elif name in left:
                    del left[name]
                elif not has_default:
                    missing.append(name)
            case parameter.POSITIONAL_ONLY:
                if given:
                    del given[0]
                elif name in left:
                    positional_only.append(name)
                elif not has_default:
                    missing.append(name)
            case parameter.KEYWORD_ONLY:
                if name in left:
                    del left[name]
                elif not has_default:
                    missing_keywords.append(name)
            case parameter.VAR_POSITIONAL:
                takes_any_args = True
            case _:
                takes_any_kwargs = True
    problems = {
        "given twice, by position and by name": doubled,
        "given by name, but accepted only by position": positional_only,
        "missing": missing,
        "missing, to be given by name": missing_keywords,
        "more than it accepts by position": [] if takes_any_args else [repr(one) for one in given],
        "names that it does not accept": [] if takes_any_kwargs else sorted(left),
    }
    for problem, names in problems.items():
        if names:
            raise ValueError(f"the arguments do not fit {name_of(function)}: {problem}: {', '.join(names)}")
