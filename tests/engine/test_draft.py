"""The draft of a decision changes only in its own methods, so that each change of a count stands in one file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from kalends.engine import decisions
from kalends.engine.decisions.planning import PLAN


def _assigned(source: str) -> Iterator[str]:
    """Yield the attributes that a module assigns on anything but ``self``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = ast.unparse(node.value)
            if owner != "self":
                yield f"{owner}.{node.attr}"


def test_no_step_of_a_decision_assigns_an_attribute_of_the_draft() -> None:
    modules = sorted(Path(next(iter(decisions.__path__))).glob("*.py"))
    assert {module.name: list(_assigned(module.read_text())) for module in modules} == {m.name: [] for m in modules}


def test_each_step_of_the_plan_stands_there_once_and_says_what_it_does() -> None:
    assert len(set(PLAN)) == len(PLAN)
    assert all(step.__doc__ for step in PLAN)
