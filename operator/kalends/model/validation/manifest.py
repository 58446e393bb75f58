"""A user's file, checked as strictly as the API server would: fields that are not known are typing errors."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from kalends.model.resource import ScheduledJob
from kalends.model.v1alpha1.base import INT64_MAX
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.validation.accepted_values import what_it_is
from kalends.model.validation.problems import Problem, problems_in
from kalends.model.validation.schema import RULES, Schema, structural_schema
from kalends.model.values import API_VERSION, KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""RFC 1123, as Kubernetes wants names."""

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""The same for namespaces, which are at most 63 characters long."""
LONGEST_NAMESPACE = 63

_ANY: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": INT64_MAX}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
METADATA: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("name", "generateName", "namespace"), _TEXT),
        **dict.fromkeys(("labels", "annotations"), _TEXTS),
        # What the API server fills in, and what an exported object therefore has.
        **dict.fromkeys(("uid", "resourceVersion", "selfLink"), _TEXT),
        **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), _NUMBER),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _INSTANT),
        **dict.fromkeys(("managedFields", "finalizers", "ownerReferences"), _ANY),
    },
}


@cache
def manifest_schema() -> Schema:
    """Return the schema of a whole manifest."""
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "enum": [API_VERSION]},
            "kind": {"type": "string", "enum": [KIND]},
            "metadata": METADATA,
            "spec": structural_schema(ScheduledJobSpec),
            "status": _ANY,  # the API server ignores it in a manifest, too
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        RULES: ScheduledJob.rules(()),
    }


def check_manifest(obj: Any) -> list[Problem]:
    """Return everything that is wrong with a manifest; nothing, if the API server's schema would accept it.

    Expressions, zones, tasks and the inside of a Job template are not checked: only the operator can do so.
    """
    return [*problems_in(obj, manifest_schema(), "", unknown=True), *_problems_in_name(obj)]


def _problems_in_name(obj: Any) -> Iterator[Problem]:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        return
    name = metadata.get("name")
    if name is None and metadata.get("generateName") is None:
        yield Problem("metadata.name", "must be set")
    elif isinstance(name, str) and not DNS_SUBDOMAIN.fullmatch(name):
        accepted = "lower-case letters, digits, '-' and '.', with a letter or a digit first and last"
        yield Problem("metadata.name", f"must be made of {accepted}, got '{name}'")
    namespace = metadata.get("namespace")
    if isinstance(namespace, str) and namespace and not _is_namespace(namespace):
        accepted = "lower-case letters, digits and '-', with a letter or a digit first and last"
        yield Problem(
            "metadata.namespace",
            f"must be made of {accepted}, at most {LONGEST_NAMESPACE} characters, got {what_it_is(_TEXT, namespace)}",
        )


def _is_namespace(text: str) -> bool:
    return len(text) <= LONGEST_NAMESPACE and DNS_LABEL.fullmatch(text) is not None
