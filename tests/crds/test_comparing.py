"""An installed CRD is compared with that of this release field by field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kalends.model.crd.definition import crd_manifest
from kalends.model.crd.installed import compare_crd, dropped


def installed(*, without: str = "", besides: str = "") -> dict[str, Any]:
    """Return the CRD of this release with a field taken out, or put in."""
    crd = copy.deepcopy(crd_manifest())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    path = (without or besides).split(".")
    for name in path[:-1]:
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
    if without:
        del schema["properties"][path[-1]]
    if besides:
        schema["properties"][path[-1]] = {"type": "string"}
    return crd


def test_that_of_this_release_is_no_different() -> None:
    found = compare_crd(crd_manifest())
    assert (found.lacks, found.has_besides, found.problem, found.warning) == ((), (), None, None)


@pytest.mark.parametrize("path", ["status.counts.queued", "status.handledRequests", "status.active.cancelling"])
def test_one_that_drops_a_field_of_the_record_keeps_no_record(path: str) -> None:
    found = compare_crd(installed(without=path))
    assert found.lacks == (path,)
    assert found.problem is not None
    assert f"older than this operator: it drops {path};" in found.problem
    assert "kalends crds | kubectl apply --server-side" in found.problem


def test_one_that_drops_a_field_of_the_spec_is_a_remark_as_records_are_whole() -> None:
    found = compare_crd(installed(without="spec.retry"))
    assert (found.lacks, found.problem) == (("spec.retry",), None)
    assert found.warning is not None
    assert "it drops spec.retry;" in found.warning


def test_a_newer_one_is_a_remark() -> None:
    found = compare_crd(installed(besides="spec.colour"))
    assert found.problem is None
    assert found.warning == "the CRD is newer than this operator, which ignores spec.colour"


def test_one_without_the_status_subresource_is_named() -> None:
    crd = installed()
    del crd["spec"]["versions"][0]["subresources"]
    assert "no status subresource" in str(compare_crd(crd).problem)


@pytest.mark.parametrize("crd", [{}, {"spec": {}}, {"spec": {"versions": [{"name": "v9"}]}}])
def test_a_crd_of_another_kind_is_a_problem_and_no_error(crd: dict[str, Any]) -> None:
    assert compare_crd(crd).problem is not None


@pytest.mark.parametrize(
    ("sent", "stored", "lost"),
    [
        ({"a": 1}, {"a": 2}, []),
        ({"a": 1}, {}, ["status.a"]),
        ({"a": None}, {}, []),
        ({"counts": {"due": 1, "queued": 2}}, {"counts": {"due": 1, "x": 5}}, ["status.counts.queued"]),
        ({"active": [{"name": "x", "holder": "y"}]}, {"active": [{"name": "x"}]}, ["status.active.holder"]),
        ({"active": []}, {"active": []}, []),
    ],
)
def test_fields_that_were_sent_and_not_stored_are_found(sent: Any, stored: Any, lost: list[str]) -> None:
    assert list(dropped(sent, stored)) == lost
