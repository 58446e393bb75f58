"""Turns a ``jobTemplate`` into a command of this machine, or into the reason why it needs a cluster.

What would change the meaning of the template is refused: further containers, volumes, values from Secrets. What only
says where and how much (node selectors, resources, images) is left aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kalends.errors import InvalidSpec
from kalends.model.reasons import Reason

JOB = "spec.jobTemplate.spec"
POD = f"{JOB}.template.spec"
CONTAINER = f"{POD}.containers[0]"
NEEDS_A_CLUSTER: Mapping[str, Sequence[str]] = {
    JOB: ("suspend",),
    POD: ("initContainers", "ephemeralContainers", "volumes"),
    CONTAINER: ("envFrom", "volumeMounts", "volumeDevices", "lifecycle"),
}
ONE_AT_MOST = ("parallelism", "completions")
_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")


@dataclass(frozen=True, slots=True)
class Command:
    """A command to start."""

    words: Sequence[str]
    variables: Mapping[str, str]
    """What the template and Kalends add to the environment."""
    folder: str | None
    """Where it starts; None: where Kalends runs."""


def local_command(job: Any, given: Mapping[str, str]) -> Command:
    """Return the command of a Job's spec.

    Args:
        job: The spec.
        given: Variables that every container of a run has, unless it sets them itself.

    Raises:
        InvalidSpec: There is no command, or the template needs what only a cluster can do.
    """
    if not isinstance(job, Mapping):
        raise _invalid("spec.jobTemplate", "must be set: this executor runs nothing else")
    pod = _mapping(_mapping(job.get("template"), f"{JOB}.template").get("spec"), POD)
    containers = _items(pod.get("containers"), f"{POD}.containers")
    if not containers:
        raise _invalid(f"{POD}.containers", "must hold a container")
    if len(containers) > 1:
        raise _unsupported(f"{POD}.containers", "must be one container")
    container = _mapping(containers[0], CONTAINER)
    for path, holder in ((JOB, job), (POD, pod), (CONTAINER, container)):
        for field in NEEDS_A_CLUSTER[path]:
            if holder.get(field):
                raise _unsupported(f"{path}.{field}", "must not be set")
    for field in ONE_AT_MOST:
        if job.get(field) not in {None, 1}:
            raise _unsupported(f"{JOB}.{field}", "must be 1")
    variables = _variables(container, given)
    words = [_expanded(word, variables) for field in ("command", "args") for word in _words(container, field)]
    if not container.get("command"):
        raise _invalid(
            f"{CONTAINER}.command", "must be set to run without a cluster; an image's own entry point is not known here"
        )
    folder = container.get("workingDir") or None
    return Command(words, variables, None if folder is None else str(folder))


def _variables(container: Mapping[str, Any], given: Mapping[str, str]) -> Mapping[str, str]:
    entries = [_mapping(one, f"{CONTAINER}.env") for one in _items(container.get("env"), f"{CONTAINER}.env")]
    own = {one.get("name") for one in entries}
    variables = {name: value for name, value in given.items() if name not in own}
    for number, one in enumerate(entries):
        if one.get("valueFrom"):
            raise _unsupported(f"{CONTAINER}.env[{number}].valueFrom", "must not be set")
        name, value = one.get("name"), one.get("value")
        if not isinstance(name, str) or not name:
            raise _invalid(f"{CONTAINER}.env[{number}].name", "must be the name of a variable")
        # A value may refer to variables above it.
        variables[name] = _expanded("" if value is None else str(value), variables)
    return variables


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return text with ``$(NAME)`` replaced, as Kubernetes does: ``$$`` is a dollar sign, unknown names stay."""

    def value_of(found: re.Match[str]) -> str:
        name = found["name"]
        return "$" if name is None else variables.get(name, found.group())

    return _REFERENCE.sub(value_of, text)


def _words(container: Mapping[str, Any], field: str) -> Iterator[str]:
    return (str(word) for word in _items(container.get(field), f"{CONTAINER}.{field}"))


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(path, "must be an object")
    return value


def _items(value: Any, path: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise _invalid(path, "must be a list")
    return value


def _invalid(path: str, accepted: str) -> InvalidSpec:
    return InvalidSpec(accepted, path=path, reason=Reason.INVALID_JOB_TEMPLATE)


def _unsupported(path: str, accepted: str) -> InvalidSpec:
    return InvalidSpec(f"{accepted} to run without a cluster", path=path, reason=Reason.NOT_SUPPORTED)
