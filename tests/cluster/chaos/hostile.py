"""ScheduledJobs that the API server accepts as they are: very deep, very large, or both, in each field of free form."""

from __future__ import annotations

import json
from collections.abc import Iterator

TEXT = "a" * 1_200_000
DEPTHS = (101, 255, 300, 900, 985, 1_024, 5_000)
USUAL_OBJECTS, DEEPEST_OBJECTS = 300, 1_024
"""Of objects the API server tracks who owns each level, which takes it minutes at 5,000."""
LARGE = 1_300_000
"""Bytes: with its own bookkeeping, about the largest object that the API server stores."""


def lists(depth: int) -> str:
    """Return lists that nest so deep."""
    return "[" * depth + "]" * depth


def objects(depth: int) -> str:
    """Return objects that nest so deep."""
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


def empty_lists(size: int) -> str:
    """Return a list of so many bytes of empty lists, which take thirty times as much once decoded."""
    return "[" + ",".join(["[]"] * (size // 3)) + "]"


def deep(namespace: str) -> Iterator[bytes]:
    """Yield ScheduledJobs that nest deep, one for each depth, field and kind of nesting."""
    for depth in DEPTHS:
        within = depth if depth == DEEPEST_OBJECTS else min(depth, USUAL_OBJECTS)
        yield manifest(namespace, f"deep-{depth}-args", "args", lists(depth))
        yield manifest(namespace, f"deep-{depth}-processes", "processes", lists(depth))
        yield manifest(namespace, f"deep-{depth}-kwargs", "kwargs", objects(within))
        yield manifest(namespace, f"deep-{depth}-spec", "spec", objects(within) if depth % 2 else lists(depth))


def large(namespace: str, count: int) -> Iterator[bytes]:
    """Yield ScheduledJobs whose text is as large as may be, half of it lists that are larger still in memory."""
    for number in range(count):
        value = empty_lists(LARGE) if number % 2 == 0 else json.dumps(TEXT)
        yield manifest(namespace, f"large-{number}", "spec", value)


def accepted(namespace: str, count: int) -> Iterator[bytes]:
    """Yield ScheduledJobs that are just within what Kalends accepts."""
    for number in range(count):
        yield manifest(namespace, f"accepted-{number}", "args", empty_lists(255_000))


def manifest(namespace: str, name: str, field: str, value: str) -> bytes:
    """Return a ScheduledJob that is never due, as text, with a value in one of its fields of free form."""
    match field:
        case "args":
            target = f'"task":{{"name":"kalends.echo","args":[{value}]}}'
        case "processes":
            target = f'"executor":"processes","task":{{"name":"kalends.echo","args":[{value}]}}'
        case "kwargs":
            target = f'"task":{{"name":"kalends.echo","kwargs":{{"value":{value}}}}}'
        case _:
            pod = '{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"b"}]}}'
            target = f'"jobTemplate":{{"spec":{{"x":{value},"template":{pod}}}}}'
    head = '"apiVersion":"kalends.dev/v1alpha1","kind":"ScheduledJob"'
    metadata = f'"metadata":{{"name":"{name}","namespace":"{namespace}"}}'
    return f'{{{head},{metadata},"spec":{{"schedule":"0 0 1 1 *",{target}}}}}'.encode()
