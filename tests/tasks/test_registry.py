from __future__ import annotations

import types

import pytest

from kalends import task
from kalends.errors import InvalidSettings, InvalidSpec
from kalends.tasks import Registry, builtin


@pytest.fixture
def registry():
    return Registry([builtin])


def test_only_what_is_marked_is_a_task():
    module = types.ModuleType("reports")

    @task
    def nightly() -> None: ...

    def helper() -> None: ...

    nightly.__module__, module.nightly, module.helper = "reports", nightly, helper
    assert len(Registry([module]).names()) == 1


def test_the_built_in_tasks_are_loaded_by_their_entry_point():
    assert Registry.load().names() == ["kalends.echo", "kalends.sleep"]


def test_an_unknown_task_is_refused_with_a_near_name(registry):
    with pytest.raises(InvalidSpec, match=r"did you mean 'kalends\.echo'\?") as refused:
        registry.find("kalends.ecko")
    assert (refused.value.path, refused.value.reason) == ("spec.task.name", "UnknownTask")


def test_what_could_be_imported_but_is_not_registered_is_refused(registry):
    with pytest.raises(InvalidSpec, match="registered task"):
        registry.find("os.system")


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2), {}), ((1,), {"second": 2}), ((1,), {"seconds": 1})])
def test_arguments_that_do_not_fit_the_signature_are_refused_with_it(registry, args, kwargs):
    with pytest.raises(InvalidSpec, match=r"must fit kalends\.sleep\(seconds") as refused:
        registry.check_call("kalends.sleep", args, kwargs)
    assert refused.value.reason == "InvalidArguments"


def test_arguments_that_fit_are_let_through(registry):
    registry.check_call("kalends.sleep", (1,), {})
    registry.check_call("kalends.sleep", (), {"seconds": 1})


def test_a_module_that_was_asked_for_and_cannot_be_imported_is_an_error():
    with pytest.raises(InvalidSettings, match="'no_such_module' cannot be imported"):
        Registry.load(["no_such_module"])
