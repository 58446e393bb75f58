"""Where programs come from: a named folder, the cache, the official download, or a Go build.

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
    """Programs that are got together, and kept together in one folder of the cache.

    ``stamp`` says which versions they are; a folder of others is not used. ``download`` and ``build`` put every
    program into the folder they are given, or raise SourceFailed.
    """

    title: str
    names: tuple[str, ...]
    cache: Path
    stamp: dict[str, Any]
    download: Callable[[Path], None]
    build: Callable[[Path], None]

    def obtain(self, *, environ: Mapping[str, str] = os.environ, say: Say = discard) -> Path:
        """Return the folder of the first source that has them all; the later sources fill the cache.

        May take minutes when they must be built. Raises ControlPlaneUnavailable with each source's reason.
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
        """Return the folder that the user named; its version is the user's affair."""
        if not environ.get(ASSETS):
            raise SourceFailed("not set")
        return self.whole(Path(environ[ASSETS]).absolute())

    def cached(self) -> Path:
        """Return the cache folder when an earlier download or build of the same versions was completed."""
        stamp = self.cache / STAMP
        if not stamp.exists():
            raise SourceFailed(f"{self.cache} is empty")
        if json.loads(stamp.read_text()) != self.stamp:
            raise SourceFailed(f"{self.cache} holds other versions")
        return self.whole(self.cache)

    def whole(self, folder: Path) -> Path:
        """Return the folder if it lacks none of the programs."""
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
    """One place that may have the programs; asking it raises SourceFailed when it has not."""

    name: str
    ask: Callable[[], Path]


def first_of(sources: Iterable[Source], say: Say = discard) -> tuple[Path | None, list[str]]:
    """Return what the first source that succeeds gives, and the reasons of those that failed before it."""
    reasons: list[str] = []
    for source in sources:
        try:
            return source.ask(), reasons
        except SourceFailed as failure:
            reasons.append(f"{source.name}: {failure}")
            say(reasons[-1])
    return None, reasons


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where whatever is slow to come by is kept."""
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
    """Return whether the path names a file that may be run."""
    return path.is_file() and os.access(path, os.X_OK)
