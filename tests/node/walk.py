"""A newcomer's shell, and the blocks of a page that are meant to be typed into it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

TYPED_WITHIN_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Shell:
    """Types commands in a folder, with `kubectl` and `helm` on the path, and the cluster as the current one."""

    folder: Path
    environ: dict[str, str]

    @classmethod
    def of(cls, folder: Path, kubeconfig: Path, *programs: Path) -> Shell:
        """Return a shell that finds each program under its own name."""
        path = folder.parent / f"{folder.name}-bin"
        path.mkdir()
        for program in programs:
            (path / program.name).symlink_to(program)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KALENDS_")}
        home = {"HOME": str(folder.parent), "KUBECONFIG": str(kubeconfig), "PATH": f"{path}:{os.environ['PATH']}"}
        return cls(folder, {**inherited, **home})

    def __call__(self, commands: str) -> str:
        """Return what was printed; the first command that fails ends it with an AssertionError that shows all."""
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TYPED_WITHIN_SECONDS,
            check=False,
        )
        assert result.returncode == 0, f"{commands}\n→ {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
