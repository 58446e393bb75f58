"""Tests use public names: ruff (SLF001) finds access to private attributes, and this module what ruff does not find."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
ROOTS = {"kalends", "devcluster", *(path.stem for path in TESTS.iterdir())}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(module: ast.Module) -> Iterator[str]:
    """Yield private names of this repository that a module imports, and private attributes that it replaces."""
    for node in ast.walk(module):
        match node:
            case ast.ImportFrom(module=str(origin), names=names) if origin.partition(".")[0] in ROOTS:
                yield from (f"import of {alias.name}" for alias in names if is_private(alias.name))
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                yield from [f"replacement of {name}"] if is_private(name) else []
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(path)), *_]):
                yield from [f"replacement of {path}"] if any(map(is_private, path.split("."))) else []


def test_no_test_imports_or_replaces_a_private_name() -> None:
    found = {
        f"{path.relative_to(TESTS)}: {use}"
        for path in TESTS.rglob("*.py")
        for use in private_names(ast.parse(path.read_text()))
    }
    assert found == set()


def test_private_names_are_found() -> None:
    module = (
        "from kalends.engine import _hidden, shown\n"
        "from kopf import _core\n"
        "monkeypatch.setattr(owner, '_hidden', 1)\n"
        "monkeypatch.setattr('kalends.engine._hidden', 1)\n"
        "monkeypatch.setattr(owner, 'shown', 1)\n"
    )
    assert list(private_names(ast.parse(module))) == [
        "import of _hidden",
        "replacement of _hidden",
        "replacement of kalends.engine._hidden",
    ]
