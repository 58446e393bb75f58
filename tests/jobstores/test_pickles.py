"""Pickles are read by stores that were made for them, and by no others."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from jobstores.jobs import NOON, job
from jobstores.places import start
from kalends.jobstores.base import TransientJobError
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore

LOADED: list[str] = []


class Trap:
    """Shows when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return LOADED.append, ("loaded",)


def store_in(folder: Path, serializer: str) -> SQLAlchemyJobStore:
    store = SQLAlchemyJobStore(f"sqlite:///{folder / 'jobs.sqlite'}", serializer=serializer)
    start(store)
    return store


def test_a_pickled_job_keeps_any_argument(tmp_path: Path) -> None:
    store = store_in(tmp_path, "pickle")
    store.add_job(job("a", args=(OrderedDict(b=1),)))
    found = store.lookup_job("a")
    assert found is not None
    assert found.args == (OrderedDict(b=1),)
    assert type(found.args[0]) is OrderedDict
    assert found.next_run_time == NOON
    store.shutdown()


def test_a_store_for_pickles_reads_json(tmp_path: Path) -> None:
    first = store_in(tmp_path, "json")
    first.add_job(job("a"))
    first.shutdown()
    second = store_in(tmp_path, "pickle")
    assert [one.id for one in second.get_all_jobs()] == ["a"]
    second.shutdown()


def test_a_store_for_json_never_unpickles(tmp_path: Path) -> None:
    first = store_in(tmp_path, "pickle")
    first.add_job(job("a", args=(Trap(),)))
    first.shutdown()
    LOADED.clear()
    second = store_in(tmp_path, "json")
    kept = second.kept_job("a")
    assert kept.job is None
    assert "was written with serializer='pickle', and this store has serializer='json'" in kept.problem
    assert LOADED == []
    second.shutdown()


@pytest.mark.parametrize("options", [{"func": lambda: None}, {"args": (lambda: None,)}])
def test_what_cannot_be_pickled_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    store = store_in(tmp_path, "pickle")
    with pytest.raises(TransientJobError, match="it cannot be pickled"):
        store.add_job(job("a", **options))
    assert store.get_all_jobs() == []
    store.shutdown()


def test_the_protocol_of_pickles_is_chosen(tmp_path: Path) -> None:
    store = SQLAlchemyJobStore("sqlite://", pickle_protocol=2, serializer="pickle")
    assert store.pickle_protocol == 2
    start(store)
    store.add_job(job("a"))
    assert [one.id for one in store.get_all_jobs()] == ["a"]
    store.shutdown()


def test_another_serializer_is_refused() -> None:
    with pytest.raises(ValueError, match="serializer must be one of 'json', 'pickle', got 'yaml'"):
        SQLAlchemyJobStore("sqlite://", serializer="yaml")
