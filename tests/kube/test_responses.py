"""What an error of the API server tells, also where it tells it badly."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kalends.kube.wire.responses import MAX_RETRY_AFTER, error_of, error_of_status


def status(**more: object) -> bytes:
    return orjson.dumps({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no", **more})


def test_the_reasons_of_the_causes_are_kept() -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "being deleted", "field": "metadata.namespace"}, {}]
    assert error_of(403, {}, status(details={"causes": causes})).causes == ("NamespaceTerminating",)


@pytest.mark.parametrize("details", [None, [], "x", {"causes": None}, {"causes": "x"}, {"causes": [1, None, "x"]}])
def test_causes_that_cannot_be_read_are_none(details: Any) -> None:
    error = error_of(403, {}, status(details=details))
    assert (error.status, error.message, error.causes) == (403, "no", ())


@pytest.mark.parametrize(
    ("written", "kept"),
    [("0", 0.0), ("1.5", 1.5), ("100000", MAX_RETRY_AFTER), ("-3", 0.0)]
    + [(text, None) for text in ("inf", "-inf", "nan", "1e400", "", "Wed, 21 Oct 2026 07:28:00 GMT")],
)
def test_a_wish_to_be_left_alone_is_kept_within_bounds(written: str, kept: float | None) -> None:
    assert error_of(503, {"Retry-After": written}, b"").retry_after == kept


@pytest.mark.parametrize(
    ("written", "kept"), [(7, 7.0), (10**400, None), ("x", None), ([], None), (1e9, MAX_RETRY_AFTER)]
)
def test_so_is_the_one_in_the_body(written: object, kept: float | None) -> None:
    found = error_of_status({"details": {"retryAfterSeconds": written}}, 429)
    assert found.retry_after == kept
