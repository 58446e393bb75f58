"""A scheduler for programs with a Qt loop."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from typing_extensions import override

from kalends.schedulers.base import BaseScheduler

BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")
"""Packages that bind Qt, the first that is installed is used."""


def _qt_core() -> Any:
    for name in BINDINGS:
        try:
            return import_module(f"{name}.QtCore")
        except ImportError:
            continue
    raise ImportError(f"QtScheduler needs one of the packages {', '.join(BINDINGS)}, and none of them is installed")


QtCore = _qt_core()
_Signal = getattr(QtCore, "Signal", None) or QtCore.pyqtSignal
_QObject: Any = QtCore.QObject


class _Relay(_QObject):  # type: ignore[misc]
    """An object of the Qt loop's thread, which calls functions for other threads there."""

    asked = _Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(self.make)

    def make(self, call: Callable[[], None]) -> None:
        """Make a call."""
        call()


class QtScheduler(BaseScheduler):
    """Runs jobs in ten threads, and calls listeners in the thread that started the scheduler.

    That thread must have a Qt loop. The scheduler needs no timer of Qt.

    PySide6 6.12 loses references of ``None`` and ``True`` on Python 3.11, in any program: it aborts the interpreter
    after some hundreds of calls. Use an earlier PySide6, or Python 3.12 or later.
    """

    _relay: Any = None

    @override
    def start(self, paused: bool = False) -> None:
        if not self.running:
            self._relay = _Relay()
        super().start(paused)

    @override
    def _run_listeners_in(self, call: Callable[[], None]) -> None:
        self._relay.asked.emit(call)
