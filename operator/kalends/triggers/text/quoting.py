"""How messages quote what a user wrote: whole if it is short, and harmless to a terminal in any case."""

from __future__ import annotations

_LONGEST = 40


def quoted(text: object) -> str:
    """Return ``text`` in quotes, cut to a length that a message can bear."""
    plain = str(text) if not isinstance(text, str) else text
    if len(plain) <= _LONGEST:
        return ascii(plain) if not plain.isprintable() else f"'{plain}'"
    return f"{plain[:_LONGEST]!a}… ({len(plain)} characters)"
