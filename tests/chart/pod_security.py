"""The Pod Security Standard *restricted*, as rules over a pod's spec. Windows aside, all of its controls are here.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PROFILES = {"RuntimeDefault", "Localhost"}


def violations(spec: dict[str, Any]) -> list[str]:
    """Return what an API server that enforces *restricted* would say against a pod."""
    return [*_of_pod(spec), *(found for one in _containers(spec) for found in _of_container(spec, one))]


def _containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field, ())


def _of_pod(spec: dict[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} must not be set"
    for volume in spec.get("volumes", ()):
        if not volume.keys() - {"name"} <= VOLUMES:
            yield f"volume {volume['name']} is of a forbidden type"
    if spec.get("securityContext", {}).get("sysctls"):
        yield "sysctls must not be set"


def _of_container(spec: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    pod, own, name = spec.get("securityContext", {}), container.get("securityContext", {}), container["name"]
    capabilities = own.get("capabilities", {})
    if own.get("privileged"):
        yield f"{name} must not be privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} must set allowPrivilegeEscalation: false"
    if "ALL" not in capabilities.get("drop", ()):
        yield f"{name} must drop all capabilities"
    if not set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"}:
        yield f"{name} must not add capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name} must run as non-root"
    if 0 in {own.get("runAsUser"), pod.get("runAsUser")}:
        yield f"{name} must not run as user 0"
    if own.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in PROFILES:
        yield f"{name} must have a seccomp profile"
    if own.get("procMount", "Default") != "Default":
        yield f"{name} must have the default procMount"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield f"{name} must not use host ports"
