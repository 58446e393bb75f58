"""``kalends validate`` answers for files of any depth, and for sparse triggers, with bounded work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result

from hostile import nested
from kalends.cli.commands.next_times import SEARCHES
from triggers.hostile import MOST_ASKED, Work

Command = Callable[..., Result]

DEPTHS = (95, 101, 256, 1_024, 5_000)
MOST_CALLS = 20_000
"""Calls of Python functions. The files here take less than half of them."""
TASK = '"schedule":"@daily","task":{"name":"kalends.echo"}'
FIELDS = {
    "args": '"name":"a"},"spec":{"schedule":"@daily","task":{"name":"kalends.echo","args":[DEEP]}}',
    "kwargs": '"name":"a"},"spec":{"schedule":"@daily","task":{"name":"kalends.echo","kwargs":{"a":DEEP}}}',
    "template": '"name":"a"},"spec":{"schedule":"@daily","jobTemplate":{"spec":{"x":DEEP}}}',
    "containers": '"name":"a"},"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":DEEP}}}}}',
    "trigger": '"name":"a"},"spec":{"trigger":{"anyOf":DEEP},"task":{"name":"kalends.echo"}}',
    "exclude": f'"name":"a"}},"spec":{{"exclude":DEEP,{TASK}}}',
    "unknown": f'"name":"a"}},"spec":{{"unknown":DEEP,{TASK}}}',
    "annotations": f'"name":"a","annotations":{{"a":DEEP}}}},"spec":{{{TASK}}}',
    "labels": f'"name":"a","labels":DEEP}},"spec":{{{TASK}}}',
    "status": f'"name":"a"}},"status":{{"a":DEEP}},"spec":{{{TASK}}}',
}
SPARSE: dict[str, dict[str, Any]] = {
    "once in 28 years": {"trigger": {"cron": {"month": 2, "day": 29, "dayOfWeek": "mon", "hour": 12}}},
    "agree in sixty years": {
        "trigger": {"allOf": [{"cron": {"month": 2, "day": 29, "hour": 12}}, {"cron": {"year": "2086-2099"}}]}
    },
    "never agree": {"trigger": {"allOf": [{"cron": {"day": 31, "hour": 12}}, {"cron": {"month": "2,4,6"}}]}},
    "no such date": {"trigger": {"cron": {"month": 2, "day": 30}}},
    "all excluded": {"trigger": {"cron": {"hour": 12}}, "exclude": [{"cron": {"minute": 0}}]},
}


class Calls:
    """Counts the calls of Python functions."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self._take)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _take(self, _frame: object, event: str, _argument: object) -> None:
        self.count += event == "call"


@pytest.mark.parametrize("objects", [False, True], ids=["lists", "objects"])
@pytest.mark.parametrize("kind", ["json", "yaml"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_any_depth_is_answered_in_a_line(
    kalends: Command, tmp_path: Path, field: str, kind: str, *, objects: bool
) -> None:
    file = tmp_path / f"a.{kind}"
    file.write_text("{}")
    kalends("validate", file)  # the first call imports modules
    begin = '{"apiVersion":"kalends.dev/v1alpha1","kind":"ScheduledJob","metadata":{'
    for depth in DEPTHS:
        deep = orjson.dumps(nested(depth, objects=objects)).decode()
        file.write_text(begin + FIELDS[field].replace("DEEP", deep) + "}\n" + "# YAML\n" * (kind == "yaml"))
        calls = Calls()
        with calls.counted():
            result = kalends("validate", file)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert result.output.startswith(f"{file}: ")
        assert depth < 100 or "nest" in result.output
        assert calls.count < MOST_CALLS


@pytest.mark.parametrize("spec", SPARSE.values(), ids=SPARSE)
def test_a_sparse_trigger_is_answered_with_the_work_of_a_few_questions(
    kalends: Command, write: Callable[..., Path], spec: dict[str, Any]
) -> None:
    file = write("a.json", sparse={**spec, "task": {"name": "kalends.echo"}})
    work = Work()
    with work.counted():
        result = kalends("validate", file)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "sparse" in result.output
    assert work.units < (SEARCHES + 1) * MOST_ASKED
