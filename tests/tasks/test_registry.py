from __future__ import annotations

import functools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from kalends import task
from kalends.errors import InvalidSettings, InvalidSpec, InvalidTask
from kalends.tasks import Registry, builtin


@pytest.fixture
def registry() -> Registry:
    return Registry([builtin])


def test_only_what_is_marked_is_a_task() -> None:
    module = types.ModuleType("reports")

    @task
    def nightly() -> None: ...

    def helper() -> None: ...

    nightly.__module__ = "reports"
    vars(module).update(nightly=nightly, helper=helper)
    assert len(Registry([module]).names()) == 1


def test_the_built_in_tasks_are_loaded_by_their_entry_point() -> None:
    assert Registry.load().names() == ["kalends.echo", "kalends.sleep"]


def test_an_unknown_task_is_refused_with_a_near_name(registry: Registry) -> None:
    with pytest.raises(InvalidSpec, match=r"did you mean 'kalends\.echo'\?") as refused:
        registry.find("kalends.ecko")
    assert (refused.value.path, refused.value.reason) == ("spec.task.name", "UnknownTask")


def test_what_could_be_imported_but_is_not_registered_is_refused(registry: Registry) -> None:
    with pytest.raises(InvalidSpec, match="registered task"):
        registry.find("os.system")


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2), {}), ((1,), {"second": 2}), ((1,), {"seconds": 1})])
def test_arguments_that_do_not_fit_the_signature_are_refused_with_it(
    registry: Registry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSpec, match=r"must fit kalends\.sleep\(seconds") as refused:
        registry.check_call("kalends.sleep", args, kwargs)
    assert refused.value.reason == "InvalidArguments"


def test_arguments_that_fit_are_let_through(registry: Registry) -> None:
    registry.check_call("kalends.sleep", (1,), {})
    registry.check_call("kalends.sleep", (), {"seconds": 1})


def test_a_module_that_was_asked_for_and_cannot_be_imported_is_an_error() -> None:
    with pytest.raises(InvalidSettings, match="'no_such_module' cannot be imported"):
        Registry.load(["no_such_module"])


def module_of(name: str, **attributes: object) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(attributes)
    return module


def test_two_tasks_of_one_name_are_refused_with_both_places() -> None:
    def one() -> int:
        return 1

    def two() -> int:
        return 2

    a = module_of("a", one=task(name="reports.nightly")(one))
    b = module_of("b", two=task(name="reports.nightly")(two))
    with pytest.raises(InvalidSettings, match=r"'reports\.nightly' is both a\.one and b\.two"):
        Registry([a, b])


def test_a_package_cannot_replace_a_built_in_task() -> None:
    other = module_of("other", echo=task(name="kalends.echo")(lambda: None))
    with pytest.raises(InvalidSettings, match=r"'kalends\.echo' is both kalends\.tasks\.builtin\.echo and other\.echo"):
        Registry([builtin, other])


def test_one_task_in_two_places_is_one_task() -> None:
    def nightly() -> None: ...

    marked = task(name="reports.nightly")(nightly)
    registry = Registry([module_of("a", nightly=marked, alias=marked), module_of("b", nightly=marked)])
    assert registry.names() == ["reports.nightly"]
    assert registry.find("reports.nightly").place == "a.nightly"


def numbers() -> Iterator[Any]:
    yield 1


async def async_numbers() -> AsyncIterator[Any]:
    yield 1


class Numbers:
    def __call__(self) -> Iterator[Any]:
        yield 1


GENERATORS = [numbers, async_numbers, functools.partial(numbers), Numbers()]


@pytest.mark.parametrize("function", GENERATORS)
def test_a_generator_function_is_refused_when_it_is_marked(function: Callable[..., Any] | Numbers) -> None:
    with pytest.raises(InvalidTask, match="must not contain `yield`"):
        task(name="reports.numbers")(function)


def test_a_generator_function_to_which_a_decorator_copied_the_mark_is_refused_when_it_is_registered() -> None:
    @task(name="reports.numbers")
    def plain() -> None: ...

    module = module_of("reports", numbers=functools.wraps(plain)(lambda: (yield 1)))
    with pytest.raises(InvalidSettings, match=r"reports\.numbers cannot be the task 'reports\.numbers'.*`yield`"):
        Registry([module])


@pytest.mark.parametrize(
    ("function", "name", "wanted"),
    [
        (Numbers, "reports.numbers", "a class must not be one"),
        (5, "reports.numbers", "must be callable"),
        (print, "reports.print", "mark a function that calls it"),
        ([].append, "reports.append", "mark a function that calls it"),
        (functools.partial(print, "hello"), None, "must be given a `name`"),
    ],
)
def test_what_cannot_be_marked_is_refused_with_what_can(function: Any, name: str | None, wanted: str) -> None:
    with pytest.raises(InvalidTask, match=wanted):
        task(name=name)(function)


def test_an_object_whose_attributes_raise_holds_no_task() -> None:
    class Proxy:
        def __call__(self) -> None: ...

        def __getattr__(self, name: str) -> object:
            raise RuntimeError("working outside of a request")

    assert Registry([module_of("web", request=Proxy())]).names() == []


def test_an_entry_point_that_names_no_module_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("acme", "kalends.tasks.builtin:echo", "kalends.tasks")
    monkeypatch.setattr("kalends.tasks.registry.entry_points", lambda group: [point])
    with pytest.raises(InvalidSettings, match="must name a module, without ':'"):
        Registry.load()
