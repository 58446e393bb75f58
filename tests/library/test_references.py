"""References to callables, and whether arguments fit them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kalends.references import check_arguments, name_of, object_at, object_of, reference_of


class Meter:
    """Has methods of every kind."""

    def read(self) -> int:
        return 1

    @classmethod
    def create(cls) -> Meter:
        return cls()

    @staticmethod
    def scale() -> int:
        return 10


def takes(first: int, /, second: int, *, third: int = 3) -> int:
    return first + second + third


HERE = takes.__module__


@pytest.mark.parametrize(
    ("obj", "reference"),
    [
        (takes, f"{HERE}:takes"),
        (Meter, f"{HERE}:Meter"),
        (Meter.create, f"{HERE}:Meter.create"),
        (Meter.scale, f"{HERE}:Meter.scale"),
        (Meter.read, f"{HERE}:Meter.read"),
        (Meter().read, f"{HERE}:Meter.read"),
        (len, "builtins:len"),
        (datetime.now, None),
    ],
)
def test_a_reference_leads_to_functions_classes_and_methods(obj: Any, reference: str | None) -> None:
    if reference is None:
        with pytest.raises(ValueError, match="no reference leads to"):
            reference_of(obj)
    else:
        assert reference_of(obj) == reference


def test_no_reference_leads_to_what_exists_only_at_run_time() -> None:
    def nested() -> None:
        """Is defined inside a function."""

    for obj in (nested, lambda: None, partial(takes, 1)):
        with pytest.raises(ValueError, match="no reference leads to"):
            reference_of(obj)


DECORATED = """
from kalends.references import reference_of

REFERENCES = []

def decorator(function):
    REFERENCES.append(reference_of(function))
    return function

@decorator
def work(): ...

class Shop:
    @decorator
    def clear(): ...
"""


def test_a_decorator_finds_the_reference_of_a_function_before_its_name_is_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decorated_functions.py").write_text(DECORATED)
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("decorated_functions")
    assert module.REFERENCES == ["decorated_functions:work", "decorated_functions:Shop.clear"]
    assert [object_at(reference) for reference in module.REFERENCES] == [module.work, module.Shop.clear]


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        (b"builtins:len", TypeError),
        ("builtins.len", ValueError),
        ("builtins:", ValueError),
        ("no.such.module:x", LookupError),
        ("builtins:no_such_name", LookupError),
        ("builtins:len.no_such_name", LookupError),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        object_at(reference)


def test_what_is_no_text_is_the_object_itself() -> None:
    assert object_of(len) is len
    assert object_of("builtins:len") is len


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((1, 2), {}, None),
        ((1,), {"second": 2, "third": 5}, None),
        ((1, 2), {"second": 2}, "given twice, by position and by name: second"),
        ((), {"first": 1, "second": 2}, "given by name, but accepted only by position: first"),
        ((1,), {}, "missing: second"),
        ((1, 2, 3), {}, "more than it accepts by position: 3"),
        ((1, 2), {"fourth": 4}, "names that it does not accept: fourth"),
    ],
)
def test_arguments_are_checked_when_a_job_is_added(args: Any, kwargs: Any, problem: str | None) -> None:
    if problem is None:
        check_arguments(takes, args, kwargs)
    else:
        with pytest.raises(ValueError, match=problem):
            check_arguments(takes, args, kwargs)


def test_a_callable_without_a_signature_accepts_anything() -> None:
    check_arguments(dict.fromkeys, ([1], 2), {})


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (takes, "takes"),
        (Meter.create, "Meter.create"),
        (Meter().read, "Meter.read"),
        (partial(takes, 1), "takes"),
        (Meter, "Meter"),
    ],
)
def test_a_job_is_named_after_its_callable(function: Any, name: str) -> None:
    assert name_of(function) == name
