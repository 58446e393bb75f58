"""What to do about texts that are no YAML for a reason that can be guessed."""

from __future__ import annotations

import re

import yaml

_UNQUOTED = re.compile(r"(?:^|[:\[{,-]\s+|[\[{,])([*@%])")
"""Where a value begins, and then with a character that has a meaning of its own in YAML."""
_TEMPLATE = "{{"


def advice(text: str, mark: yaml.Mark | None) -> str:
    """Return what is probably wrong where a parser stopped, or nothing."""
    if mark is None:
        return ""
    # The parser stops in the line that is wrong, or in the next.
    near = text.splitlines()[max(0, mark.line - 1) : mark.line + 1]
    if any(_TEMPLATE in line for line in near):
        return "a Helm template must be rendered first, as in `helm template CHART | kalends validate -`"
    found = next((found for line in reversed(near) if (found := _UNQUOTED.search(line))), None)
    return f"a value that begins with {found[1]} must be in quotes" if found is not None else ""
