"""Lines for people, whatever users wrote into names and values: harmless to a terminal, and one line each."""

from __future__ import annotations

import click


def one_line(text: str) -> str:
    """Return a text in which what would move the cursor, change a colour or the direction of writing is spelt out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def show(text: str) -> None:
    """Print a text as one line."""
    click.echo(one_line(text))
