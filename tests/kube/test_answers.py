"""What an error of the API server tells, also where it tells it badly."""

from __future__ import annotations

import orjson
import pytest

from kalends.kube.answers import error_of


def status(**more: object) -> bytes:
    return orjson.dumps({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no", **more})


def test_the_reasons_of_the_causes_are_kept():
    causes = [{"reason": "NamespaceTerminating", "message": "being deleted", "field": "metadata.namespace"}, {}]
    assert error_of(403, {}, status(details={"causes": causes})).causes == ("NamespaceTerminating",)


@pytest.mark.parametrize("details", [None, [], "x", {"causes": None}, {"causes": "x"}, {"causes": [1, None, "x"]}])
def test_causes_that_cannot_be_read_are_none(details):
    error = error_of(403, {}, status(details=details))
    assert (error.status, error.message, error.causes) == (403, "no", ())
