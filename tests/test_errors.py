"""The tree of errors is complete: in its docstring, and in its module."""

from __future__ import annotations

import importlib
import pkgutil
import re

import kalends
from kalends import errors
from kalends.errors import ExecutorError, JobStoreError, KalendsError, Unavailable

_NOT_IMPORTED = ("kalends.model.crd.__main__",)


def drawn() -> dict[str, str]:
    """Return the parent of each error that the docstring of the module draws."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│ ├└─]*)([A-Z]\w+)", line)
        if found is None or (not found[1] and found[2] != "KalendsError"):
            continue
        depth = len(found[1]) // 4
        path[depth:] = [found[2]]
        if depth:
            parents[found[2]] = path[depth - 1]
    return parents


def subclasses(of: type[KalendsError]) -> set[type[KalendsError]]:
    direct = set(of.__subclasses__())
    return direct.union(*(subclasses(one) for one in direct))


def test_the_tree_that_is_drawn_is_the_tree_that_is_raised() -> None:
    assert drawn() == {
        error.__name__: next(base.__name__ for base in error.__bases__ if issubclass(base, KalendsError))
        for error in subclasses(KalendsError)
        if error.__module__ == errors.__name__
    }


def test_every_public_error_of_the_package_is_in_the_tree() -> None:
    for module in pkgutil.walk_packages(kalends.__path__, "kalends."):
        if module.name not in _NOT_IMPORTED:
            importlib.import_module(module.name)
    elsewhere = {error for error in subclasses(KalendsError) if error.__module__ != errors.__name__}
    assert not [error for error in elsewhere if error.__module__.startswith("kalends.") and error.__name__[0] != "_"]


def test_a_busy_pool_is_no_error_of_a_job_store() -> None:
    assert not issubclass(Unavailable, JobStoreError)
    assert not issubclass(Unavailable, ExecutorError)
