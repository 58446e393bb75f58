"""Captures what runs print while a live table is shown, and shows it line by line, so that the table stays intact."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TextIO

_STANDARD = (1, 2)
"""The file descriptors of standard output and standard error."""


class CapturedOutput:
    """Gives the terminal to the block that enters it, and to all other code a pipe whose lines are passed on.

    It works on file descriptors, so that also commands and worker processes print into the pipe. Enter it in a
    running event loop.
    """

    def __init__(self, pass_on: Callable[[str], None]) -> None:
        self._pass_on = pass_on
        self._rest = b""

    def __enter__(self) -> TextIO:
        """Return the terminal."""
        _flush()
        self._kept = [os.dup(number) for number in _STANDARD]
        self._terminal = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        for number in _STANDARD:
            os.dup2(writing, number)
        os.close(writing)
        asyncio.get_running_loop().add_reader(self._reading, self._read)
        return self._terminal

    def __exit__(self, *_: object) -> None:
        """Restore the terminal for all code."""
        _flush()
        self._read()
        asyncio.get_running_loop().remove_reader(self._reading)
        for number, kept in zip(_STANDARD, self._kept, strict=True):
            os.dup2(kept, number)
            os.close(kept)
        if self._rest:
            self._pass_on(self._rest.decode(errors="replace"))
        os.close(self._reading)
        self._terminal.close()

    def _read(self) -> None:
        try:
            while part := os.read(self._reading, 65536):
                *lines, self._rest = (self._rest + part).split(b"\n")
                for line in lines:
                    self._pass_on(line.decode(errors="replace"))
        except BlockingIOError:
            return


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
