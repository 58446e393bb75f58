"""Where the control plane's binaries come from: a named folder, the cache, the official download, or a Go build."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from . import download, gobuild
from .errors import ControlPlaneUnavailable, SourceFailed
from .progress import Say, to_nobody, to_stderr
from .versions import Release, insist_on_linux

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
ASSETS = "KUBEBUILDER_ASSETS"
STAMP = "complete.json"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds all of ``NAMES``."""

    folder: Path

    @property
    def etcd(self) -> Path:
        """The store of the API server."""
        return self.folder / "etcd"

    @property
    def api_server(self) -> Path:
        """The API server."""
        return self.folder / "kube-apiserver"

    @property
    def controller_manager(self) -> Path:
        """What makes Jobs, service accounts and garbage collection work."""
        return self.folder / "kube-controller-manager"

    @property
    def kubectl(self) -> Path:
        """The command line client."""
        return self.folder / "kubectl"


def obtain(
    release: Release,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Say = to_stderr,
    mirrors: download.Mirrors = download.OFFICIAL,
) -> Binaries:
    """Return the binaries from the first source that has them; the later sources fill the cache.

    May take ten minutes when they must be built. Raises ControlPlaneUnavailable with each source's reason.
    """
    insist_on_linux(release)
    cache = cache_folder(release, environ)

    def from_cache() -> Binaries:
        return cached(cache, release)

    def downloaded() -> Binaries:
        return filled(cache, release, lambda into: download.fetch(release, into, mirrors, say))

    def built() -> Binaries:
        return filled(cache, release, lambda into: gobuild.build(release, into, environ, say))

    at_hand = (Source(f"folder of {ASSETS}", lambda: named_folder(environ)), Source("cache", from_cache))
    found, tried = first_of(at_hand)
    if found is not None:
        return found
    with locked(cache, say):
        # Whoever held the lock before us may have filled the cache; that is why it is asked again.
        found, _ = first_of((Source("cache", from_cache),))
        if found is not None:
            return found
        found, failed = first_of((Source("official download", downloaded), Source("go build", built)), say)
    if found is not None:
        return found
    raise ControlPlaneUnavailable(
        "\n  - ".join([f"no binaries of Kubernetes {release.kubernetes} and etcd {release.etcd}:", *tried, *failed])
    )


@dataclass(frozen=True, slots=True)
class Source:
    """One place that may have the binaries; asking it raises SourceFailed when it has not."""

    name: str
    ask: Callable[[], Binaries]


def first_of(sources: Iterable[Source], say: Say = to_nobody) -> tuple[Binaries | None, list[str]]:
    """Return what the first source that succeeds gives, and the reasons of those that failed before it."""
    reasons: list[str] = []
    for source in sources:
        try:
            return source.ask(), reasons
        except SourceFailed as failure:
            reasons.append(f"{source.name}: {failure}")
            say(reasons[-1])
    return None, reasons


def kubectl_only(release: Release, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return a kubectl for a cluster that somebody else runs: nothing is downloaded or built for it."""
    candidates = [Path(environ.get(ASSETS) or os.devnull) / "kubectl", cache_folder(release, environ) / "kubectl"]
    for candidate in candidates:
        if is_executable(candidate):
            return candidate
    found = shutil.which("kubectl", path=environ.get("PATH"))
    if found is None:
        raise ControlPlaneUnavailable(f"no kubectl: looked for {candidates[0]}, {candidates[1]}, and on PATH")
    return Path(found)


def cache_folder(release: Release, environ: Mapping[str, str]) -> Path:
    """Return where this release is kept, outside of the repository and shared by all its checkouts."""
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kalends" / "kubernetes" / release.kubernetes


def named_folder(environ: Mapping[str, str]) -> Binaries:
    """Return the folder that the user named; its version is the user's affair."""
    if not environ.get(ASSETS):
        raise SourceFailed("not set")
    folder = Path(environ[ASSETS]).absolute()
    missing = [name for name in NAMES if not is_executable(folder / name)]
    if missing:
        raise SourceFailed(f"{folder} lacks {', '.join(missing)}")
    return Binaries(folder)


def cached(cache: Path, release: Release) -> Binaries:
    """Return the cache folder when an earlier download or build of the same versions was completed."""
    stamp = cache / STAMP
    if not stamp.exists():
        raise SourceFailed(f"{cache} is empty")
    if json.loads(stamp.read_text()) != asdict(release):
        raise SourceFailed(f"{cache} holds other versions")
    missing = [name for name in NAMES if not is_executable(cache / name)]
    if missing:
        raise SourceFailed(f"{cache} lacks {', '.join(missing)}")
    return Binaries(cache)


def filled(cache: Path, release: Release, fill: Callable[[Path], None]) -> Binaries:
    """Fill the cache all or nothing: the stamp is written last, and each file gets its name when it is whole.

    Only for the holder of the lock: what lies there half done was left by one that was killed.
    """
    for stale in cache.glob("partial-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="partial-") as partial:
        fill(Path(partial))
        (cache / STAMP).unlink(missing_ok=True)
        for name in NAMES:
            (Path(partial) / name).chmod(0o755)
            (Path(partial) / name).replace(cache / name)
        stamp = Path(partial) / STAMP
        stamp.write_text(json.dumps(asdict(release)))
        stamp.replace(cache / STAMP)
    return Binaries(cache)


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
