"""Stands for an argument that was not given, where None has a meaning."""

from __future__ import annotations

from typing import Any


class _Undefined:
    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<undefined>"


undefined: Any = _Undefined()
