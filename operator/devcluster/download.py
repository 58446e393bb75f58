"""The official release downloads, checked against their published SHA-256 sums."""

import hashlib
import io
import tarfile
import threading
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceFailed
from .progress import Say, timed
from .versions import Release, architecture

FIRST_ANSWER_SECONDS = 5.0
"""Time limit of the first, small answer: without such a network the user must not wait long."""

SILENCE_SECONDS = 20.0
"""How long a transfer that has begun may stand still."""

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kubectl")


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where the releases are published; another place must keep the same paths below it."""

    kubernetes: str
    etcd: str
    helm: str = "https://get.helm.sh"


OFFICIAL = Mirrors(kubernetes="https://dl.k8s.io", etcd="https://github.com/etcd-io/etcd/releases/download")


def fetch(release: Release, into: Path, mirrors: Mirrors, say: Say) -> None:
    """Download a control plane into the folder, or raise SourceFailed after a few seconds without an answer."""
    fetch_etcd(release, into, mirrors, say)
    fetch_kubernetes(release, CONTROL_PLANE, into, mirrors, say)


def fetch_etcd(release: Release, into: Path, mirrors: Mirrors, say: Say) -> None:
    """Download etcd into the folder."""
    etcd = f"{mirrors.etcd}/{release.etcd}"
    archive = f"etcd-{release.etcd}-linux-{release.architecture}.tar.gz"
    published = sum_of(archive, at_once(f"{etcd}/SHA256SUMS"))
    with timed(say, f"downloading etcd {release.etcd}"):
        (into / "etcd").write_bytes(unpacked("etcd", verified(f"{etcd}/{archive}", published)))


def fetch_kubernetes(release: Release, names: Sequence[str], into: Path, mirrors: Mirrors, say: Say) -> None:
    """Download programs of Kubernetes' own tree into the folder."""
    kubernetes = f"{mirrors.kubernetes}/{release.kubernetes}/bin/linux/{release.architecture}"
    sums = {name: first_word(at_once(f"{kubernetes}/{name}.sha256")) for name in names}
    for name in names:
        with timed(say, f"downloading {name} {release.kubernetes}"):
            (into / name).write_bytes(verified(f"{kubernetes}/{name}", sums[name]))


def fetch_helm(version: str, into: Path, mirrors: Mirrors, say: Say) -> None:
    """Download Helm into the folder."""
    archive = f"{mirrors.helm}/helm-{version}-linux-{architecture()}.tar.gz"
    published = first_word(at_once(f"{archive}.sha256sum"))
    with timed(say, f"downloading helm {version}"):
        (into / "helm").write_bytes(unpacked("helm", verified(archive, published)))


def verified(url: str, sha256: str) -> bytes:
    """Download and return a file, or raise SourceFailed if its SHA-256 sum differs."""
    content = get(url, SILENCE_SECONDS)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SourceFailed(f"{url} has the SHA-256 sum {found}, published is {sha256}")
    return content


def at_once(url: str) -> str:
    """Return a small text, or raise SourceFailed after ``FIRST_ANSWER_SECONDS``, also if name resolution hangs."""
    return within(FIRST_ANSWER_SECONDS, lambda: get(url, FIRST_ANSWER_SECONDS).decode(), url)


def get(url: str, silence: float) -> bytes:
    """Return the body found at the address."""
    try:
        with urllib.request.urlopen(url, timeout=silence) as answer:  # noqa: S310 - our own constants, or a test's
            body: bytes = answer.read()
    except (OSError, EOFError) as error:
        raise SourceFailed(f"{url}: {error}") from error
    return body


def within(seconds: float, call: Callable[[], str], url: str) -> str:
    """Call in a thread with a time limit, because socket timeouts do not limit name resolution."""
    outcome: list[str | SourceFailed] = []

    def run() -> None:
        try:
            outcome.append(call())
        except SourceFailed as failure:
            outcome.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    match outcome:
        case [str() as answer]:
            return answer
        case [SourceFailed() as failure]:
            raise failure
        case _:
            raise SourceFailed(f"{url}: no answer within {seconds:g} s")


def first_word(text: str) -> str:
    """Return the sum from a file that contains only the sum, with or without a file name."""
    words = text.split()
    if not words:
        raise SourceFailed("a published SHA-256 sum is empty")
    return words[0]


def sum_of(name: str, text: str) -> str:
    """Return the sum of one file from the lines that ``sha256sum`` writes."""
    for line in text.splitlines():
        words = line.split()
        if words[1:] in ([name], [f"*{name}"]):
            return words[0]
    raise SourceFailed(f"no SHA-256 sum of {name} is published")


def unpacked(program: str, archive: bytes) -> bytes:
    """Extract one program from a release archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.name.endswith(f"/{program}") and (file := tar.extractfile(member)) is not None:
                return file.read()
    raise SourceFailed(f"the archive of {program} holds no {program}")
