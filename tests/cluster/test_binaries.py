"""Where binaries come from, with a release server of our own on the loopback interface."""

import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest
from typing_extensions import override

from devcluster import Binaries, ControlPlaneUnavailable, Release, chosen_release, download, obtain
from devcluster.binaries import NAMES
from devcluster.download import Mirrors
from devcluster.extras import NODE, obtain_etcd, obtain_helm, obtain_node
from devcluster.gobuild import Module, go_mod
from devcluster.progress import discard
from devcluster.versions import HELM, architecture

RELEASE = Release(minor="1.36", patch=3, architecture="amd64", etcd="v3.0.0")


def packed(folder: str, files: dict[str, bytes]) -> bytes:
    """Return a release archive."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


class ReleaseServer(http.server.ThreadingHTTPServer):
    """Serves ``files`` and remembers which paths were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReleaseHandler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    def publish(self, release: Release, content: dict[str, bytes]) -> None:
        """Publish each binary and its sum as the two projects do."""
        folder = f"/{release.kubernetes}/bin/linux/{release.architecture}"
        for name in (*NAMES[1:], *NODE):
            self.files[f"{folder}/{name}"] = content[name]
            self.files[f"{folder}/{name}.sha256"] = hashlib.sha256(content[name]).hexdigest().encode()
        inside = f"etcd-{release.etcd}-linux-{release.architecture}"
        archive = packed(inside, dict.fromkeys(("README.md", "etcd", "etcdctl"), content["etcd"]))
        self.files[f"/{release.etcd}/{inside}.tar.gz"] = archive
        line = f"{hashlib.sha256(archive).hexdigest()}  {inside}.tar.gz\n"
        self.files[f"/{release.etcd}/SHA256SUMS"] = f"{'0' * 64}  another.tar.gz\n{line}".encode()

    def publish_helm(self) -> None:
        """Publish Helm as its project does."""
        folder = f"linux-{architecture()}"
        archive = f"/helm-{HELM}-{folder}.tar.gz"
        self.files[archive] = packed(folder, {"LICENSE": b"", "helm": b"#!/bin/sh\necho helm\n"})
        published = f"{hashlib.sha256(self.files[archive]).hexdigest()}  {archive[1:]}\n"
        self.files[f"{archive}.sha256sum"] = published.encode()

    @property
    def mirrors(self) -> Mirrors:
        address = f"http://127.0.0.1:{self.server_port}"
        return Mirrors(kubernetes=address, etcd=address, helm=address)


class ReleaseHandler(http.server.BaseHTTPRequestHandler):
    server: ReleaseServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path)
        self.send_response(HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    @override
    def log_message(self, *_: object) -> None:
        """The tests ask ``asked`` instead."""


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.publish(RELEASE, {name: f"#!/bin/sh\necho {name}\n".encode() for name in (*NAMES, *NODE)})
        server.publish_helm()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which only the download can succeed: an empty cache and no Go."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "no-programs")}


def get(server: ReleaseServer, environ: dict[str, str]) -> Binaries:
    return obtain(RELEASE, environ=environ, say=discard, mirrors=server.mirrors)


def assets(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        (folder / name).touch(mode=0o755)
    return str(folder)


def test_a_download_gives_runnable_binaries(server: ReleaseServer, environ: dict[str, str]) -> None:
    binaries = get(server, environ)
    assert binaries.etcd.read_text() == "#!/bin/sh\necho etcd\n"
    assert all(path.stat().st_mode & 0o111 for path in (binaries.etcd, binaries.api_server, binaries.kubectl))


def test_the_second_time_nothing_is_downloaded(server: ReleaseServer, environ: dict[str, str]) -> None:
    first = get(server, environ)
    server.asked.clear()
    assert get(server, environ) == first
    assert server.asked == []


def test_the_cache_of_another_etcd_is_not_used(server: ReleaseServer, environ: dict[str, str]) -> None:
    cache = get(server, environ).folder
    stamp = json.loads((cache / "complete.json").read_text()) | {"etcd": "v2.0.0"}
    (cache / "complete.json").write_text(json.dumps(stamp))
    server.asked.clear()
    get(server, environ)
    assert len(server.asked) == 8


def test_an_unfinished_cache_is_not_used(server: ReleaseServer, environ: dict[str, str]) -> None:
    cache = get(server, environ).folder
    (cache / "complete.json").unlink()
    (cache / "etcd").write_text("half of")
    assert get(server, environ).etcd.read_text() == "#!/bin/sh\necho etcd\n"


def test_nothing_but_the_binaries_stays_in_the_cache(
    server: ReleaseServer, environ: dict[str, str], tmp_path: Path
) -> None:
    left_by_a_killed_build = tmp_path / "cache/kalends/kubernetes/v1.36.3/partial-x"
    left_by_a_killed_build.mkdir(parents=True)
    assert {path.name for path in get(server, environ).folder.iterdir()} == {*NAMES, "complete.json", "lock"}


def test_a_binary_that_is_not_what_was_published_is_refused(server: ReleaseServer, environ: dict[str, str]) -> None:
    server.files["/v1.36.3/bin/linux/amd64/kubectl"] = b"something else"
    with pytest.raises(ControlPlaneUnavailable, match=r"kubectl has the SHA-256 sum .* published is"):
        get(server, environ)


def test_two_at_once_download_once(server: ReleaseServer, environ: dict[str, str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: get(server, environ), range(2))
    assert first == second
    assert len(server.asked) == len(set(server.asked)) == 8


def test_a_named_folder_comes_first(server: ReleaseServer, environ: dict[str, str], tmp_path: Path) -> None:
    environ["KUBEBUILDER_ASSETS"] = assets(tmp_path / "assets", *NAMES)
    assert get(server, environ).folder == tmp_path / "assets"
    assert server.asked == []


def test_a_named_folder_that_lacks_one_is_passed_over(
    server: ReleaseServer, environ: dict[str, str], tmp_path: Path
) -> None:
    environ["KUBEBUILDER_ASSETS"] = assets(tmp_path / "assets", "etcd", "kube-apiserver", "kubectl")
    assert get(server, environ).folder == tmp_path / "cache/kalends/kubernetes/v1.36.3"


def test_a_node_and_helm_are_downloaded_only_where_they_are_wanted(
    server: ReleaseServer, environ: dict[str, str]
) -> None:
    folder = obtain_node(RELEASE, environ=environ, say=discard, mirrors=server.mirrors)
    assert (folder / "kubelet").read_text() == "#!/bin/sh\necho kubelet\n"
    assert not [path for path in server.asked if "kube-apiserver" in path]
    assert obtain_helm(environ=environ, say=discard, mirrors=server.mirrors).read_text() == "#!/bin/sh\necho helm\n"


def test_etcd_alone_is_downloaded_only_where_no_control_plane_has_it(
    server: ReleaseServer, environ: dict[str, str], tmp_path: Path
) -> None:
    alone = obtain_etcd(RELEASE, environ=environ, say=discard, mirrors=server.mirrors)
    assert alone == tmp_path / "cache/kalends/etcd/v3.0.0/etcd"
    assert not [path for path in server.asked if "kube" in path]
    whole = get(server, environ)
    server.asked.clear()
    assert obtain_etcd(RELEASE, environ=environ, say=discard, mirrors=server.mirrors) == whole.etcd
    assert server.asked == []


def test_the_error_says_what_each_source_answered(environ: dict[str, str]) -> None:
    with socket.socket() as no_server:
        no_server.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{no_server.getsockname()[1]}"
        with pytest.raises(ControlPlaneUnavailable) as caught:
            obtain(RELEASE, environ=environ, say=discard, mirrors=Mirrors(address, address))
    reasons = str(caught.value).split("\n  - ")
    assert reasons[0] == "no binaries of Kubernetes v1.36.3 and etcd v3.0.0:"
    assert reasons[1] == "folder of KUBEBUILDER_ASSETS: not set"
    assert reasons[2].startswith("cache: ")
    assert "Connection refused" in reasons[3]
    assert reasons[4] == "go build: there is no go command on PATH"


def test_a_server_that_sends_nothing_is_not_waited_for(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "FIRST_ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        # Without a limit this would never end.
        with pytest.raises(ControlPlaneUnavailable, match=r"timed out|no answer within"):
            obtain(RELEASE, environ=environ, say=discard, mirrors=Mirrors(address, address))


def test_our_module_replaces_what_lives_in_the_upstream_tree(tmp_path: Path) -> None:
    upstream = """\
module k8s.io/kubernetes

go 1.26.0

require (
	github.com/google/cel-go v0.26.0
	k8s.io/api v0.0.0
	k8s.io/client-go v0.0.0
	k8s.io/utils v0.0.0-20260210185600-b8788abfbbc2
)
"""
    module = Module("k8s.io/kubernetes", "v1.36.3", tmp_path, upstream)
    assert go_mod(module, staging="v0.36.3").splitlines() == [
        "module kalends.test/controlplane",
        "go 1.26.0",
        "require k8s.io/kubernetes v1.36.3",
        "replace k8s.io/api => k8s.io/api v0.36.3",
        "replace k8s.io/client-go => k8s.io/client-go v0.36.3",
    ]


@pytest.mark.parametrize(
    ("wanted", "kubernetes", "staging"),
    [("1.31", "v1.31.14", "v0.31.14"), ("1.31.0", "v1.31.0", "v0.31.0"), ("v1.31.0", "v1.31.0", "v0.31.0")],
)
def test_the_environment_chooses_the_release(wanted: str, kubernetes: str, staging: str) -> None:
    release = chosen_release({"KUBERNETES": wanted})
    assert (release.kubernetes, release.staging) == (kubernetes, staging)


def test_an_unknown_release_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ControlPlaneUnavailable, match=r"must be one of .*1\.31, .*got '1\.7'"):
        chosen_release({"KUBERNETES": "1.7"})
