"""Images without a registry and without a builder: a static busybox, packed as `docker save` packs."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from devcluster.versions import architecture

BUSYBOX = "/bin/busybox"


def write_busybox(archive: Path, *tags: str, command: tuple[str, ...]) -> None:
    """Write an image with busybox under each of its names, for the user 65532, as who may be root is nobody's guess."""
    layer = busybox_layer()
    config = json.dumps(
        {
            "architecture": architecture(),
            "os": "linux",
            "config": {"User": "65532:65532", "Env": ["PATH=/bin"], "Cmd": list(command)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": list(tags), "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        for path, content in ((name, config), ("layer.tar", layer), ("manifest.json", json.dumps(manifest).encode())):
            add(tar, path, content)


def busybox_layer() -> bytes:
    """Return the file system: the program, and a link for each command that it knows."""
    source = shutil.which("busybox")
    if source is None:
        raise FileNotFoundError("no busybox on PATH: apt-get install busybox-static")
    listed = subprocess.run([source, "--list"], capture_output=True, text=True, check=True).stdout.split()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        folders = {"bin": 0o755, "tmp": 0o1777}
        for folder, mode in folders.items():
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        add(tar, BUSYBOX[1:], Path(source).read_bytes(), mode=0o755)
        for command in listed:
            link = tarfile.TarInfo(f"bin/{command}")
            link.type, link.linkname = tarfile.SYMTYPE, BUSYBOX
            if command != "busybox":
                tar.addfile(link)
    return written.getvalue()


def add(tar: tarfile.TarFile, path: str, content: bytes, *, mode: int = 0o644) -> None:
    """Add a file that root owns, of no particular day: the same content is the same image."""
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
