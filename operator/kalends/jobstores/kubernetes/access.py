"""What a job store needs of a cluster, and a clear error where that is missing: the CRD, and permissions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from kalends.errors import ApiError, InvalidSettings
from kalends.jobstores.kubernetes.cluster import Cluster
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.transport import NOTHING
from kalends.model.crd.installed import REMEDY
from kalends.model.values import API_VERSION, GROUP, KIND, PLURAL
from kalends.stores.objects import manager_of

log = logging.getLogger("kalends.jobstores")

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
NEEDED = (
    *((GROUP, PLURAL, verb) for verb in ("get", "list", "watch", "create", "patch", "delete")),
    (GROUP, f"{PLURAL}/status", "patch"),
)
"""What every program with this store does: group, resource, verb."""
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY})
LEASES = tuple(("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "patch", "delete"))
"""What its election does besides."""


async def insist(
    cluster: Cluster, labels: Mapping[str, str] = NOTHING, needed: Sequence[tuple[str, str, str]] = (*NEEDED, *LEASES)
) -> None:
    """Check that the CRD is installed and fits, and that this user may do what is needed.

    Args:
        cluster: Where.
        labels: Those of ScheduledJobs that the store creates.
        needed: Groups, resources and verbs.

    Raises:
        InvalidSettings: It is not; the message says what is needed.
        ApiError: The API server cannot be asked.
    """
    missing = await _missing(cluster.client, cluster.namespace, needed)
    if missing:
        raise InvalidSettings(_permissions(cluster.namespace, missing))
    try:
        await cluster.select_by_manager()
        await _try_out(cluster, labels)
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise InvalidSettings(
                f"the CRD of {KIND} is not installed in this cluster, or the namespace {cluster.namespace!r} is "
                "missing: `kalends crds | kubectl apply --server-side -f -`, `kubectl create namespace "
                f"{cluster.namespace}`"
            ) from error
        raise


async def _missing(
    client: ApiClient, namespace: str, needed: Sequence[tuple[str, str, str]]
) -> Sequence[tuple[str, str, str]]:
    allowed = await asyncio.gather(*(_may(client, namespace, *one) for one in needed))
    return [one for one, may in zip(needed, allowed, strict=True) if not may]


async def _may(client: ApiClient, namespace: str, group: str, resource: str, verb: str) -> bool:
    name, _, subresource = resource.partition("/")
    asked = {"namespace": namespace, "group": group, "resource": name, "subresource": subresource, "verb": verb}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = await client.request("POST", REVIEWS, body=body)
    return bool((answer.get("status") or {}).get("allowed"))


def _permissions(namespace: str, missing: Sequence[tuple[str, str, str]]) -> str:
    verbs: dict[tuple[str, str], list[str]] = {}
    for group, resource, verb in missing:
        verbs.setdefault((group, resource), []).append(verb)
    said = "; ".join(f"{' and '.join(found)} {_named(group, resource)}" for (group, resource), found in verbs.items())
    rules = " ".join(
        f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: [{", ".join(found)}]}}'
        for (group, resource), found in verbs.items()
    )
    return (
        f"the application may not {said} in the namespace {namespace!r}: its service account needs a Role with the "
        f"rules {rules}"
    )


def _named(group: str, resource: str) -> str:
    """Return a resource as ``kubectl auth can-i`` takes it."""
    name, slash, subresource = resource.partition("/")
    return f"{name}.{group}{slash}{subresource}"


def without_manager() -> str:
    """Return what is wrong if the API server drops ``spec.managedBy``."""
    return f"the CRD is older than Kalends: it has no spec.managedBy; {REMEDY}"


async def _try_out(cluster: Cluster, labels: Mapping[str, str]) -> None:
    """Have a ScheduledJob with ``managedBy`` checked: an older CRD would drop the field, and the operator would act.

    Raises:
        InvalidSettings: The CRD lacks the field.
    """
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"generateName": "kalends-check-", "labels": dict(labels)},
        "spec": {"task": {"name": "kalends.check"}, "managedBy": cluster.managed_by},
    }
    try:
        found = await cluster.client.create(SCHEDULED_JOBS.collection(cluster.namespace), body, dry_run=True)
    except ApiError as error:
        if error.status not in _REFUSED:
            raise
        if error.status != HTTPStatus.FORBIDDEN and "managedBy" in error.message:
            raise InvalidSettings(
                f"managed_by must be accepted as spec.managedBy, got {cluster.managed_by!r}: {error.message}; if the "
                f"field is unknown, the CRD is older than Kalends: {REMEDY}"
            ) from error
        # A policy of the cluster refuses this ScheduledJob. It may accept others, and each that is created is checked.
        log.info("whether the CRD has spec.managedBy is unknown: %s", error)
        return
    if manager_of(found) != cluster.managed_by:
        raise InvalidSettings(without_manager())
