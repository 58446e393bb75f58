"""Manifests to YAML text that kubectl and ``kalends validate`` read in the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from typing_extensions import override

_PLAIN = re.compile(r"[A-Za-z][-A-Za-z0-9_./]+")
"""Text that may stand without quotes. YAML 1.1 and 1.2, and their readers, disagree about more than numbers."""


class _Dumper(yaml.SafeDumper):
    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, None if _PLAIN.fullmatch(value) else '"')


_Dumper.add_representer(str, _text)


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as a YAML document."""
    text: str = yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
