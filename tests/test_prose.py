"""The texts for users and contributors are plain technical English; CONTRIBUTING.md has the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

INSTEAD = {
    r"whoever|whomever": "the user, the operator, the leader: name it",
    r"somebody|someone|nobody|everybody": "a user, no operator, every reader: name it",
    r"told": "name what is reported, received, configured",
    r"lest": "so that … not",
    r"meanwhile": "during this time",
    r"what there is": "name it",
    r"of (ours|yours|(one's|its|their) own(?=[.,;:)]))": "our, your, its own …",
    r"as (it|they) (now )?stands?": "current",
    r"is told|are told|was told": "receives, is reported, is configured",
    r"for good": "permanently",
    r"at hand": "available",
    r"by hand": "requested, manually",
    r"under way": "active, in progress",
    r"goes on|go on": "continues",
    r"on record": "recorded",
    r"mend|mends|mended": "correct, repair",
    r"would rather": "prefer",
    r"makes? up for": "catch up",
    r"(has|have) gone": "has stopped, was deleted",
    r"in the dark": "unknown",
    r"said to|says nothing|says so": "name what is reported",
    r"a right|rights": "a permission",
    r"becomes? of": "the outcome of, what happens to",
    r"all the same": "nevertheless",
    r"thrown away": "deleted",
    r"brings? about": "causes",
    r"made anew": "created again",
    r"over and done": "finished",
}
"""Words that hide the subject or the verb of a sentence, and what to write instead."""

CLEAN = (
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "charts/kalends/README.md",
    "charts/kalends/values.yaml",
    "charts/kalends/templates/NOTES.txt",
    "charts/kalends/Chart.yaml",
    "charts/kalends/templates/**/*.tpl",
    "charts/kalends/templates/**/*.yaml",
    "charts/kalends/values.schema.json",
    "Makefile",
    "crds/*.yaml",
    "examples/**/*.yaml",
    "operator/devcluster/**/*.py",
    "operator/kalends/**/*.py",
)
"""Files that keep to the rule. Add files when their sentences are rewritten."""

TEXTS = sorted(path for pattern in CLEAN for path in ROOT.glob(pattern))


def words_to_avoid(text: str) -> list[str]:
    """Return each word to avoid, with what to write instead; a line break counts as a space."""
    text = " ".join(text.replace("\n#", "\n").split())
    return [
        f"'{found.group()}' in '…{text[max(0, found.start() - 40) : found.end() + 20]}…': write {instead}"
        for word, instead in INSTEAD.items()
        for found in re.finditer(rf"\b({word})\b", text, re.IGNORECASE)
    ]


def words_of(name: str) -> str:
    """Return the words of a name: ``test_a_run`` and ``ARunIs`` as ``test a run`` and ``ARun Is``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " ")).strip()


def names_in(module: ast.Module) -> Iterator[str]:
    """Yield each name that a module defines: functions, classes, parameters, variables, attributes."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def names_to_avoid(module: ast.Module) -> dict[str, list[str]]:
    found = {name: words_to_avoid(f"{words_of(name)}.") for name in names_in(module)}
    return {name: words for name, words in found.items() if words}


@pytest.mark.parametrize("folder", ["operator", "tests"])
def test_names_use_technical_words(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    found = {
        f"{path.relative_to(ROOT)}: {name}": words
        for path in modules
        for name, words in names_to_avoid(ast.parse(path.read_text())).items()
    }
    assert modules
    assert found == {}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("def test_somebody_reads(): ...", "test_somebody_reads"),
        ("class WhoeverAsks: ...", "WhoeverAsks"),
        ("told = 1", "told"),
        ("self.under_way = 1", "under_way"),
        ("def clear(by_hand): ...", "by_hand"),
        ("async def test_a_run_has_a_job_of_its_own(): ...", "test_a_run_has_a_job_of_its_own"),
    ],
)
def test_words_to_avoid_are_found_in_names(module: str, name: str) -> None:
    assert list(names_to_avoid(ast.parse(module))) == [name]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_name_subject_and_verb(path: Path) -> None:
    assert words_to_avoid(path.read_text()) == []


@pytest.mark.parametrize("sentence", ["Whoever reads it, is told.", "What is\n# under way ends.", "It goes\non."])
def test_words_to_avoid_are_found_across_lines(sentence: str) -> None:
    assert words_to_avoid(sentence)


def test_every_pattern_of_clean_files_has_files() -> None:
    assert [pattern for pattern in CLEAN if not any(ROOT.glob(pattern))] == []
