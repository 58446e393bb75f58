from __future__ import annotations

import operator
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_source_root_is_no_package_as_it_would_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert operator.add(1, 1) == 2


DOCUMENTS = (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md", *(ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    """A module without a folder lies in the folder of the module that is named before it, or beside the package."""
    package, missing, folder = ROOT / "operator" / "kalends", [], Path()
    for name in re.findall(r"`([\w/]+\.py)`", document.read_text()):
        places = [package / name, package / folder / name, ROOT / name]
        if not any(place.exists() for place in places):
            missing.append(name)
        folder = Path(name).parent if "/" in name else folder
    assert missing == []
