"""A newcomer's shell, and the blocks of a page that are meant to be typed into it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TYPED_WITHIN_SECONDS = 420


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
        # Programs keep what they remember beside the folder; what is slow to come by is where it always is.
        homes = ("KUBECACHEDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
        kept = {name: str(path / f".{name}") for name in homes}
        return cls(folder, {**inherited, **kept, "KUBECONFIG": str(kubeconfig), "PATH": f"{path}:{os.environ['PATH']}"})

    def __call__(self, commands: str) -> str:
        """Return what was printed; the first command that fails ends it with an AssertionError that shows all."""
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as typed:
            try:
                output, complained = typed.communicate(timeout=TYPED_WITHIN_SECONDS)
            except BaseException:
                os.killpg(typed.pid, signal.SIGKILL)
                raise
        assert typed.returncode == 0, f"{commands}\n→ {typed.returncode}\n{output}{complained}"
        return output


def sections(page: str) -> dict[str, list[str]]:
    """Return the shell blocks of a page, in order, by the heading of the second level that they stand under."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        if typed := re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found[title] = typed
    return found


def checkout(root: Path, into: Path) -> Path:
    """Return a fresh copy of what the repository keeps, as it is now, in a new folder."""
    into.mkdir()
    kept = subprocess.check_output(["git", "ls-files", "-z"], cwd=root, text=True).split("\0")
    for name in filter(None, kept):
        if (root / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, into / name)
    return into


def with_venv(checkout: Path) -> Path:
    """Give a copy the virtual environment that runs us, so that `make` need not build one."""
    ours, venv = Path(sys.prefix), checkout / ".venv"
    venv.mkdir()
    for folder in ("bin", "lib"):
        (venv / folder).symlink_to(ours / folder)
    shutil.copy(ours / "pyvenv.cfg", venv)
    # Younger than pyproject.toml: otherwise `make` would install into what is not its own.
    (venv / ".ready").touch()
    return checkout
