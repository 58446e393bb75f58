from __future__ import annotations

import operator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_source_root_is_no_package_as_it_would_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert operator.add(1, 1) == 2
