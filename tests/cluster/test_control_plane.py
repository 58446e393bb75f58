"""What the cluster tests rely on: a control plane that is real, keeps its data, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devcluster import Cluster, ControlPlane, KubectlFailed
from devcluster.workspace import Workspace

TESTS = Path(__file__).parents[1]

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "one"},
    "spec": {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.invalid/none"}]}
        }
    },
}


def eventually(claim: Callable[[], bool], within: float = 120.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.05)
    return False


def names_of(cluster: Cluster, kind: str, namespace: str) -> list[str]:
    return cluster.kubectl("get", kind, "--namespace", namespace, "--output", "name").stdout.split()


def job_is_active(cluster: Cluster, namespace: str) -> bool:
    job = json.loads(cluster.kubectl("get", "job", "one", "--namespace", namespace, "--output", "json").stdout)
    return bool(job["status"].get("active") == 1)


def test_the_api_server_calls_itself_ready(control_plane: Cluster) -> None:
    assert control_plane.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_kubectl_and_the_server_carry_the_version_they_were_made_from(local_control_plane: ControlPlane) -> None:
    versions = json.loads(local_control_plane.kubectl("version", "--output", "json").stdout)
    found = {versions["clientVersion"]["gitVersion"], versions["serverVersion"]["gitVersion"]}
    assert len(found) == 1
    assert re.fullmatch(r"v1\.\d+\.\d+", found.pop())


def test_a_failing_kubectl_says_why(control_plane: Cluster) -> None:
    with pytest.raises(KubectlFailed, match="NotFound"):
        control_plane.kubectl("get", "namespace", "nowhere")


def test_a_job_gets_its_status_from_the_controller_manager(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "--namespace", namespace, "--filename", "-", input=json.dumps(JOB))
    assert eventually(lambda: job_is_active(control_plane, namespace))
    assert len(names_of(control_plane, "pods", namespace)) == 1


def test_deleting_a_job_takes_its_pods_away(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "--namespace", namespace, "--filename", "-", input=json.dumps(JOB))
    assert eventually(lambda: job_is_active(control_plane, namespace))
    control_plane.kubectl("delete", "job", "one", "--namespace", namespace, "--wait=false")
    assert eventually(lambda: names_of(control_plane, "pods", namespace) == [])


def test_a_service_account_may_do_only_what_it_was_granted(control_plane: Cluster, namespace: str) -> None:
    kubeconfig = control_plane.kubeconfig_for_token(control_plane.token_for("default", namespace=namespace))
    with pytest.raises(KubectlFailed, match=f"system:serviceaccount:{namespace}:default.*cannot list"):
        control_plane.kubectl("get", "jobs", "--namespace", namespace, kubeconfig=kubeconfig)
    granted = ["--clusterrole=view", f"--serviceaccount={namespace}:default", "--namespace", namespace]
    control_plane.kubectl("create", "rolebinding", "view", *granted)
    command = ["get", "jobs", "--namespace", namespace]
    assert eventually(lambda: control_plane.kubectl(*command, kubeconfig=kubeconfig, check=False).returncode == 0)


def test_an_unknown_token_is_refused(control_plane: Cluster) -> None:
    with pytest.raises(KubectlFailed, match=r"Unauthorized|must be logged in"):
        control_plane.kubectl("get", "pods", kubeconfig=control_plane.kubeconfig_for_token("guessed"))


def test_the_certificate_holds_under_strict_rules_and_only_for_its_own_authority(
    local_control_plane: ControlPlane,
) -> None:
    address = ("127.0.0.1", local_control_plane.addresses.api_server_port)
    trusting = ssl.create_default_context(cafile=local_control_plane.certificate)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(address) as plain, trusting.wrap_socket(plain, server_hostname=address[0]) as secure:
        assert secure.version() == "TLSv1.3"
    with (
        socket.create_connection(address) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
        ssl.create_default_context().wrap_socket(plain, server_hostname=address[0]),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_data_outlive_the_api_server(local_control_plane: ControlPlane, namespace: str, number: signal.Signals) -> None:
    local_control_plane.kubectl("create", "configmap", "kept", "--namespace", namespace)
    local_control_plane.stop_api_server(number)
    try:
        with pytest.raises(KubectlFailed, match="refused"):
            local_control_plane.kubectl("get", "namespaces")
    finally:
        local_control_plane.start_api_server()
    assert "configmap/kept" in names_of(local_control_plane, "configmaps", namespace)


# Told to end, etcd first waits seven seconds for the API server's streams to end by themselves.
@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_data_outlive_etcd(local_control_plane: ControlPlane, namespace: str, number: signal.Signals) -> None:
    local_control_plane.kubectl("create", "configmap", "kept", "--namespace", namespace)
    local_control_plane.stop_etcd(number)
    local_control_plane.start_etcd()
    local_control_plane.wait_until_ready()
    assert "configmap/kept" in names_of(local_control_plane, "configmaps", namespace)


@pytest.mark.slow
def test_controllers_carry_on_after_an_outage(local_control_plane: ControlPlane, namespace: str) -> None:
    local_control_plane.stop_api_server(signal.SIGKILL)
    local_control_plane.start_api_server()
    local_control_plane.kubectl("create", "--namespace", namespace, "--filename", "-", input=json.dumps(JOB))
    assert eventually(lambda: job_is_active(local_control_plane, namespace), within=60)


def test_what_a_test_left_stopped_is_started_again(local_control_plane: ControlPlane) -> None:
    local_control_plane.stop_controller_manager(signal.SIGKILL)
    local_control_plane.stop_api_server(signal.SIGKILL)
    local_control_plane.stop_etcd(signal.SIGKILL)
    local_control_plane.repair()
    assert local_control_plane.kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert local_control_plane.controller_manager.is_running


def test_two_control_planes_do_not_meet(local_control_plane: ControlPlane, namespace: str) -> None:
    with ControlPlane(binaries=local_control_plane.binaries) as other:
        assert other.kubectl("get", "namespace", namespace, check=False).returncode != 0
        assert other.kubectl("get", "--raw", "/readyz").stdout == "ok"


@pytest.fixture
def served(local_control_plane: ControlPlane, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A harness of its own in another process, ready; its temporary folder is below ours."""
    process = subprocess.Popen(
        [sys.executable, "-m", "devcluster", "run", "--kubeconfig", tmp_path / "copied.kubeconfig"],
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "TMPDIR": str(tmp_path),
            "KUBEBUILDER_ASSETS": str(local_control_plane.binaries.folder),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "is ready after" in process.stdout.readline()
        yield process
        process.kill()


def processes_in(folder: Path) -> list[str]:
    """Return the command lines that mention the folder, of all processes of this machine."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words:
            found.append(words)
    return found


def test_the_command_says_how_to_reach_it(
    served: subprocess.Popen[str], local_control_plane: ControlPlane, tmp_path: Path
) -> None:
    ready = local_control_plane.kubectl("get", "--raw", "/readyz", kubeconfig=tmp_path / "copied.kubeconfig")
    assert ready.stdout == "ok"


def test_a_killed_harness_leaves_no_process_and_the_next_one_sweeps_its_folder(
    served: subprocess.Popen[str], tmp_path: Path
) -> None:
    (folder,) = tmp_path.glob("kalends-control-plane-*")
    # Three components, each with its supervisor.
    assert len(processes_in(folder)) == 6
    served.kill()
    served.wait()
    assert eventually(lambda: processes_in(folder) == [])
    Workspace(tmp_path).remove()
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ended_harness_leaves_nothing(served: subprocess.Popen[str], tmp_path: Path, number: signal.Signals) -> None:
    (folder,) = tmp_path.glob("kalends-control-plane-*")
    served.send_signal(number)
    assert served.wait(timeout=30) == 0
    assert processes_in(folder) == []
    assert list(tmp_path.iterdir()) == []


def test_a_kubeconfig_of_other_clusters_is_not_written_over(tmp_path: Path) -> None:
    precious = tmp_path / "config"
    precious.write_text("current-context: production\n")
    result = subprocess.run(
        [sys.executable, "-m", "devcluster", "run", "--kubeconfig", precious],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "is the kubeconfig of another cluster" in result.stderr
    assert precious.read_text() == "current-context: production\n"
