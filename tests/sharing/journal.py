"""A file to which many processes append lines: what really happened, apart from what any store says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Word = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Line:
    """A run was started for a fire time (microseconds since 1970), or a call of a job has ended."""

    word: Word
    pid: int
    job: str
    fire_time: int


def write(path: Path, word: Word, job: str, fire_time: int = 0) -> None:
    """Append a line in one step: a process that is killed writes it whole, or not at all."""
    line = f"{word} {os.getpid()} {job} {fire_time}\n".encode()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of a journal."""
    for line in path.read_text().splitlines() if path.exists() else ():
        word, pid, job, fire_time = line.split()
        assert word in {"start", "end"}
        yield Line("start" if word == "start" else "end", int(pid), job, int(fire_time))
