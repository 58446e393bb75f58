"""Images built without a container engine: by buildah in a chroot, on a Debian that debootstrap unpacks."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from devcluster.collection import cache_folder, locked
from devcluster.errors import ComponentFailed
from devcluster.processes import SupervisedProcess
from devcluster.progress import Say, timed, to_stderr
from node.images import Image

from .namespaces import CONTAINED

SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
BASE = f"localhost/debian-{SUITE}-python:1"
NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
MACHINE = ("/etc/pip.conf", "/etc/ssl/certs")
"""How this machine reaches the package index, and whom it trusts: the same holds while an image is built."""

KEPT = 3


class Buildah:
    """Keeps its images, and the archives made of them, in the cache folder."""

    def __init__(self, *, environ: Mapping[str, str] = os.environ, say: Say = to_stderr) -> None:
        self._cache = cache_folder(environ) / "images"
        self._say = say

    def build(self, name: str, context: Path, files: Iterable[str], **bases: Image) -> Image:
        """Return the image, built from ``files`` (patterns) of a folder unless it was built from the same before.

        ``bases`` are images that the tests built, by build argument.
        """
        digest = digest_of(context, files, bases.values())
        family = name.replace(":", "-").replace("/", "-")
        image = Image(name, self._cache / f"{family}-{digest}.tar")
        with locked(self._cache, self._say):
            if not image.archive.exists():
                with timed(self._say, f"building the image {name}"):
                    self._build(image, context, bases)
                self._forget_all_but(KEPT, family)
        image.archive.touch()
        return image

    def _build(self, image: Image, context: Path, bases: Mapping[str, Image]) -> None:
        for base in bases.values():
            if not self._has(base.here):
                self._buildah("pull", "--quiet", f"docker-archive:{base.archive}")
                self._buildah("tag", f"docker.io/library/{base.name}", base.here)
        given = {"BASE_IMAGE": self._base(), **{key: base.here for key, base in bases.items()}}
        said = [f"--build-arg={key}={value}" for key, value in given.items()]
        mounted = [f"--volume={path}:{path}:ro" for path in MACHINE if Path(path).exists()]
        how = ("--quiet", "--isolation=chroot", "--network=host")
        self._buildah("build", *how, *mounted, *said, f"--tag={image.here}", context)
        partial = image.archive.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        self._buildah("push", "--quiet", image.here, f"docker-archive:{partial}:docker.io/library/{image.name}")
        partial.rename(image.archive)

    def _base(self) -> str:
        """Return the name of an image with Python, which is made once."""
        if self._has(BASE):
            return BASE
        root = self._cache / "debian"
        shutil.rmtree(root, ignore_errors=True)
        with timed(self._say, f"unpacking a Debian with {PACKAGES}"):
            self._run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root)
            for folder in NOT_NEEDED:
                shutil.rmtree(root / folder, ignore_errors=True)
            dockerfile = self._cache / "debian.dockerfile"
            dockerfile.write_text("FROM scratch\nCOPY . /\n")
            self._buildah("build", "--quiet", f"--file={dockerfile}", f"--tag={BASE}", root)
        shutil.rmtree(root)
        return BASE

    def _has(self, image: str) -> bool:
        try:
            self._buildah("inspect", "--type=image", image)
        except ComponentFailed:
            return False
        return True

    def _forget_all_but(self, kept: int, family: str) -> None:
        archives = sorted(self._cache.glob(f"{family}-*.tar"), key=lambda path: path.stat().st_mtime)
        for old in archives[:-kept]:
            self._buildah("rmi", "--force", Image(family, old).here)
            old.unlink()

    def _buildah(self, *arguments: str | Path) -> None:
        # `vfs` needs nothing of the file system below; everything stays in the cache folder.
        storage = (f"--root={self._cache}/storage", f"--runroot={self._cache}/run", "--storage-driver=vfs")
        self._run("buildah", *storage, *arguments)

    def _run(self, *command: str | Path) -> None:
        """Run a program under a supervisor; its mounts and children are gone with it."""
        log = self._cache / "build.log"
        log.unlink(missing_ok=True)
        process = SupervisedProcess(str(command[0]), [*CONTAINED, *command], log)
        process.start()
        try:
            code = process.wait()
        finally:
            process.close()
        if code != os.EX_OK:
            raise ComponentFailed(f"{command[0]} ended with exit code {code}\n{process.last_words()}")


def digest_of(context: Path, patterns: Iterable[str], bases: Iterable[Image]) -> str:
    """Return a name for what an image is built from: names and contents of files, and images."""
    digest = hashlib.sha256(repr((BASE, [base.here for base in bases])).encode())
    for path in sorted({path for pattern in patterns for path in context.glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(context)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
