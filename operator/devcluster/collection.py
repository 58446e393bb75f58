"""The sources of programs: a given folder, the cache, the official download, or a Go build.

The cache is outside of the repository, shared by all its checkouts, and filled all or nothing.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ControlPlaneUnavailable, SourceFailed
from .progress import Say, discard

ASSETS = "KUBEBUILDER_ASSETS"
STAMP = "complete.json"


@dataclass(frozen=True, slots=True)
class Collection:
    """Programs that are obtained together, and stored in one folder of the cache.

    ``stamp`` names their versions; a folder with another stamp is not used. ``download`` and ``build`` put every
    program into the given folder, or raise SourceFailed.
    """

    title: str
    names: tuple[str, ...]
    cache: Path
    stamp: dict[str, Any]
    download: Callable[[Path], None]
    build: Callable[[Path], None]

    def obtain(self, *, environ: Mapping[str, str] = os.environ, say: Say = discard) -> Path:
        """Return the folder of the first source that has all programs; download and build fill the cache.

        A build may take minutes. Raises ControlPlaneUnavailable with each source's reason.
        """
        local = (Source(f"folder of {ASSETS}", lambda: self.named_by(environ)), Source("cache", self.cached))
        found, tried = first_of(local)
        if found is not None:
            return found
        with locked(self.cache, say):
            # The previous holder of the lock may have filled the cache, so look there again.
            found, _ = first_of((Source("cache", self.cached),))
            if found is not None:
                return found
            downloaded = Source("official download", lambda: self.filled(self.download))
            built = Source("go build", lambda: self.filled(self.build))
            found, failed = first_of((downloaded, built), say)
        if found is not None:
            return found
        raise ControlPlaneUnavailable("\n  - ".join([f"no binaries of {self.title}:", *tried, *failed]))

    def named_by(self, environ: Mapping[str, str]) -> Path:
        """Return the folder that the user named; its version is not checked."""
        if not environ.get(ASSETS):
            raise SourceFailed("not set")
        return self.whole(Path(environ[ASSETS]).absolute())

    def cached(self) -> Path:
        """Return the cache folder if it holds a complete download or build of the same versions."""
        stamp = self.cache / STAMP
        if not stamp.exists():
            raise SourceFailed(f"{self.cache} is empty")
        if json.loads(stamp.read_text()) != self.stamp:
            raise SourceFailed(f"{self.cache} holds other versions")
        return self.whole(self.cache)

    def whole(self, folder: Path) -> Path:
        """Return the folder if it has all programs."""
        missing = [name for name in self.names if not is_executable(folder / name)]
        if missing:
            raise SourceFailed(f"{folder} lacks {', '.join(missing)}")
        return folder

    def filled(self, fill: Callable[[Path], None]) -> Path:
        """Fill the cache all or nothing: the stamp is written last, and each file gets its name when it is whole.

        Only for the holder of the lock: incomplete files were left by a process that was killed.
        """
        for stale in self.cache.glob("partial-*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="partial-") as partial:
            fill(Path(partial))
            (self.cache / STAMP).unlink(missing_ok=True)
            for name in self.names:
                (Path(partial) / name).chmod(0o755)
                (Path(partial) / name).replace(self.cache / name)
            stamp = Path(partial) / STAMP
            stamp.write_text(json.dumps(self.stamp))
            stamp.replace(self.cache / STAMP)
        return self.cache


@dataclass(frozen=True, slots=True)
class Source:
    """A source of the programs; ``ask`` raises SourceFailed if it cannot provide them."""

    name: str
    ask: Callable[[], Path]


def first_of(sources: Iterable[Source], say: Say = discard) -> tuple[Path | None, list[str]]:
    """Return the result of the first source that succeeds, and the reasons of the sources that failed."""
    reasons: list[str] = []
    for source in sources:
        try:
            return source.ask(), reasons
        except SourceFailed as failure:
            reasons.append(f"{source.name}: {failure}")
            say(reasons[-1])
    return None, reasons


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder for programs that are slow to obtain."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kalends"


@contextmanager
def locked(cache: Path, say: Say) -> Iterator[None]:
    """Let one process at a time fill the cache; the others wait, however long the build takes."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that fills {cache} ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_executable(path: Path) -> bool:
    """Return whether the path is an executable file."""
    return path.is_file() and os.access(path, os.X_OK)
