"""What happened, in order, to be read by people: when, who, what."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from simulation.loop import CURRENT


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``at`` is in seconds of true time since the beginning."""

    at: float
    actor: str
    what: str

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.actor:<12} {self.what}"


class Story:
    """The lines of one history."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def tell(self, actor: str, what: str) -> None:
        self.lines.append(Line(asyncio.get_running_loop().time(), actor, what))

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))


class IntoStory(logging.Handler):
    """Tells what the product logs, under the name of the process that logs it."""

    def __init__(self, story: Story) -> None:
        super().__init__(logging.INFO)
        self._story = story

    def emit(self, record: logging.LogRecord) -> None:
        process = CURRENT.get()
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" [{record.exc_info[1]!r}]"
        self._story.tell("?" if process is None else process.name, f"· {text}")
