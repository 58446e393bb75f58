"""Builds the binaries as Go modules, for machines that can reach only a Go module proxy.

Kubernetes is not made to be imported: its ``go.mod`` asks for ``v0.0.0`` of the libraries that live in its own tree.
Each of them is published too, so a generated module replaces them by the versions published on the same day.
Their names, the version of Go and the checksums are read from the release itself, never typed here; the Go
checksum database verifies them.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceFailed
from .processes import SupervisedProcess
from .progress import Say, timed
from .versions import Release, architecture

KUBERNETES = "k8s.io/kubernetes"
ETCD = "go.etcd.io/etcd/server/v3"
IN_ITS_OWN_TREE = re.compile(r"^\s*(\S+) v0\.0\.0$", re.MULTILINE)
LEVEL_OF_GO = re.compile(r"^go (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Module:
    """A published Go module in Go's cache."""

    path: str
    version: str
    folder: Path
    go_mod: str


def build(release: Release, into: Path, environ: Mapping[str, str], say: Say) -> None:
    """Build a control plane into the folder: ten minutes on two cores from empty Go caches, else much less."""
    build_etcd(release, into, environ, say)
    build_kubernetes(release, ("kube-apiserver", "kube-controller-manager", "kubectl"), into, environ, say)


def build_etcd(release: Release, into: Path, environ: Mapping[str, str], say: Say) -> None:
    """Build etcd into the folder: a minute from empty Go caches."""
    build_module(ETCD, release.etcd, {"etcd": ETCD}, into, environ=environ, say=say)


def build_kubernetes(release: Release, names: Iterable[str], into: Path, environ: Mapping[str, str], say: Say) -> None:
    """Build programs of Kubernetes' own tree into the folder."""
    packages = {name: f"{KUBERNETES}/cmd/{name}" for name in names}
    twins = Stamped(release.staging, version_stamp(release))
    build_module(KUBERNETES, release.kubernetes, packages, into, twins, environ=environ, say=say)


@dataclass(frozen=True, slots=True)
class Stamped:
    """Further inputs of a build of Kubernetes: the version of its libraries, and the linker's flags."""

    staging: str = ""
    linker_flags: str = "-s -w"


def build_module(
    path: str,
    version: str,
    packages: Mapping[str, str],
    into: Path,
    stamped: Stamped = Stamped(),
    *,
    environ: Mapping[str, str],
    say: Say,
) -> None:
    """Build packages of one published module into the folder, each under its name."""
    go = find_go(environ)
    settings = {**environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOOS": "linux", "GOARCH": architecture()}
    with timed(say, f"fetching the sources of {path} {version}"):
        upstream = fetched(go, path, version, settings)
    module = into / f"{Path(path).name}-module"
    write_module(module, upstream, staging=stamped.staging)
    # -mod=mod lets Go complete go.mod and go.sum by what the replaced libraries ask for.
    flags = ["-mod=mod", "-trimpath", "-ldflags", stamped.linker_flags]
    for name, package in packages.items():
        with timed(say, f"building {name}"):
            run([go, "build", *flags, "-o", into / name, package], module, settings)


def find_go(environ: Mapping[str, str]) -> str:
    """Return the Go command."""
    found = shutil.which("go", path=environ.get("PATH"))
    if found is None:
        raise SourceFailed("there is no go command on PATH")
    return found


def fetched(go: str, path: str, version: str, environ: Mapping[str, str]) -> Module:
    """Download a module into Go's cache."""
    command = [go, "mod", "download", "-json", f"{path}@{version}"]
    # The root folder has no unrelated go.mod.
    result = subprocess.run(command, cwd="/", env=environ, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SourceFailed(f"{path}@{version}: {reason_of(result)}")
    facts = json.loads(result.stdout)
    return Module(path, version, Path(facts["Dir"]), Path(facts["GoMod"]).read_text())


def reason_of(result: subprocess.CompletedProcess[str]) -> str:
    """Return why a download failed: Go writes the reason into its JSON output, or to standard error."""
    try:
        return str(json.loads(result.stdout)["Error"])
    except (ValueError, KeyError):
        return result.stderr.strip() or f"exit code {result.returncode}"


def write_module(folder: Path, upstream: Module, *, staging: str) -> None:
    """Write a module that requires the upstream module and the published copies of its libraries."""
    folder.mkdir()
    (folder / "go.mod").write_text(go_mod(upstream, staging=staging))
    shutil.copyfile(upstream.folder / "go.sum", folder / "go.sum")


def go_mod(upstream: Module, *, staging: str) -> str:
    """Return the text of the generated go.mod; ``staging`` is the version of the libraries in upstream's own tree."""
    level = LEVEL_OF_GO.search(upstream.go_mod)
    if level is None:
        raise SourceFailed(f"the go.mod of {upstream.path}@{upstream.version} says no level of Go")
    lines = [
        "module kalends.test/controlplane",
        f"go {level[1]}",
        f"require {upstream.path} {upstream.version}",
        *(f"replace {library} => {library} {staging}" for library in IN_ITS_OWN_TREE.findall(upstream.go_mod)),
    ]
    return "\n".join(lines) + "\n"


def version_stamp(release: Release) -> str:
    """Return the linker's flags: without the version's stamp, Kubernetes' own checks of versions fail."""
    version = "k8s.io/component-base/version"
    major, minor = release.minor.split(".")
    return (
        f"-s -w -X {version}.gitVersion={release.kubernetes}"
        f" -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    )


def run(command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> None:
    """Run a build under a supervisor, which ends the build if this process is killed."""
    process = SupervisedProcess("go build", command, folder / "build.log")
    process.start(folder=folder, environ=environ)
    try:
        code = process.wait()
    finally:
        process.close()
    if code != os.EX_OK:
        raise SourceFailed(f"go build ended with exit code {code}\n{process.last_words()}")
