"""The texts for users and contributors are plain technical English; CONTRIBUTING.md has the rule."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_name_subject_and_verb(path: Path) -> None:
    assert words_to_avoid(path.read_text()) == []


@pytest.mark.parametrize("sentence", ["Whoever reads it, is told.", "What is\n# under way ends.", "It goes\non."])
def test_words_to_avoid_are_found_across_lines(sentence: str) -> None:
    assert words_to_avoid(sentence)


def test_every_pattern_of_clean_files_has_files() -> None:
    assert [pattern for pattern in CLEAN if not any(ROOT.glob(pattern))] == []
