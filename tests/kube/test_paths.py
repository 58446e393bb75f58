"""Names become one segment of a path each, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalends.kube.client.paths import JOBS, item_path

HOSTILE = ["../../nodes", "a/status", "a?dryRun=All", "a#b", "a%2fb", "..", ".", "a b", "ä", "a\nb"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_lead_to_another_resource(name: Any) -> None:
    collection = "/apis/batch/v1/namespaces/blue/jobs"
    for path in (
        JOBS.named("blue", name),
        item_path(collection, None, name),
        item_path("/apis/batch/v1/jobs", "blue", name),
    ):
        assert path.startswith(f"{collection}/")
        segment = path.removeprefix(f"{collection}/")
        assert segment not in {".", ".."}
        assert not set(segment) & set("/?#\n ")


@pytest.mark.parametrize("namespace", HOSTILE)
def test_neither_can_a_namespace(namespace: Any) -> None:
    path = JOBS.named(namespace, "a")
    assert path.count("/") == "/apis/batch/v1/namespaces/blue/jobs/a".count("/")
    assert "/../" not in path


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,40}[a-z0-9])?", fullmatch=True))
def test_a_name_as_the_api_server_gives_it_stands_as_it_is(name: Any) -> None:
    assert JOBS.named("blue", name, "status") == f"/apis/batch/v1/namespaces/blue/jobs/{name}/status"
