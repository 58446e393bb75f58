"""The interface between requests to the API server and the connections that carry them.

It has two implementations: sockets (``client/socket_transport.py``), and in tests and simulations an API server in
memory. Everything that depends on time (time limits, retries) is in the client, above this interface, so that it can
run in fake time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_OF_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

NOTHING: Mapping[str, str] = MappingProxyType({})

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: ``path`` starts with a slash and is not encoded further; ``params`` become the query."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON


@dataclass(frozen=True, slots=True)
class Response:
    """The whole answer; the names in ``headers`` are matched regardless of case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(Protocol):
    """A streamed answer."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """Return the next bytes as they come, or ``b""`` when the server has ended the answer."""
        ...

    def close(self) -> None:
        """Hang up. It may be called more than once."""
        ...


class Transport(Protocol):
    """Carries requests. Whatever prevents an answer is raised as an ApiError of status 0."""

    async def send(self, request: Request) -> Response:
        """Return the answer, whatever its status."""
        ...

    async def open(self, request: Request) -> Stream:
        """Return an answer as soon as its status is known. The caller closes it."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
