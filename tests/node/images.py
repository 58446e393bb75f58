"""Images as archives, whoever builds them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BUILT_WITHIN_SECONDS = 1200


@dataclass(frozen=True, slots=True)
class Image:
    """A name that manifests use, and an archive, as `docker save` writes it, that has the image under it."""

    name: str
    archive: Path

    @property
    def here(self) -> str:
        """What this very image is called while images are built: the name of its archive says what is in it."""
        return f"localhost/{self.archive.stem}:1"


class Builder(Protocol):
    """Builds images from a Dockerfile."""

    def build(self, name: str, context: Path, files: Iterable[str], **bases: Image) -> Image:
        """Return the image of a folder. It consists of ``files``, patterns; ``bases`` are build arguments."""


class Docker:
    """The Docker engine, which has its own cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, name: str, context: Path, files: Iterable[str], **bases: Image) -> Image:
        """Build, and save; the engine itself finds out what has changed."""
        archive = self._folder / f"{name.replace(':', '-')}.tar"
        said = [f"--build-arg={key}={base.name}" for key, base in bases.items()]
        run("docker", "build", "--quiet", *said, f"--tag={name}", str(context))
        run("docker", "save", f"--output={archive}", name)
        return Image(name, archive)


def run(*command: str) -> None:
    """Run a step, and show what it said if it failed."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=BUILT_WITHIN_SECONDS, check=False)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stdout}{result.stderr}"
