"""What a collection holds that is not known yet: versions are listed, and only what differs is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import item_path
from kalends.kube.wire.bounded_objects import read_small
from kalends.kube.wire.transport import METADATA_ONLY, NOTHING, JsonObject

Metadata = Mapping[str, Any]
READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a collection holds."""

    uids: frozenset[str]
    unknown: tuple[Metadata, ...]
    """Who the objects are of which this version was not known."""


async def compare(
    client: ApiClient, path: str, is_known: Callable[[Metadata], bool], params: Mapping[str, str] = NOTHING
) -> Comparison:
    """Return what the collection at ``path`` holds now, and of that what ``is_known(metadata)`` denies.

    A list without a version is answered from what all servers have agreed on (etcd's quorum), so nothing that was
    written before it began is missing. A watch gives no such promise: it may lag, by a minute if its connection died.

    Raises:
        ApiError: It could not be listed to the end.
    """
    uids: set[str] = set()
    unknown: list[Metadata] = []
    async with aclosing(client.list_pages(path, params, accept=METADATA_ONLY, read=read_small)) as pages:
        async for page in pages:
            for item in page["items"] or ():
                uids.add(item["metadata"]["uid"])
                if not is_known(item["metadata"]):
                    unknown.append(item["metadata"])
    return Comparison(frozenset(uids), tuple(unknown))


async def read_each(
    client: ApiClient, path: str, unknown: Sequence[Metadata], show: Callable[[JsonObject], None]
) -> None:
    """Read objects of a collection and show each as soon as it is there: together they may be too large to keep.

    Raises:
        ApiError: One of them could not be read. One that is gone is passed over.
    """
    for start in range(0, len(unknown), READS_AT_ONCE):
        some = unknown[start : start + READS_AT_ONCE]
        await asyncio.gather(*(_read(client, path, meta, show) for meta in some))


async def _read(client: ApiClient, path: str, meta: Metadata, show: Callable[[JsonObject], None]) -> None:
    try:
        found = await client.get(item_path(path, meta.get("namespace"), meta["name"]))
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    else:
        show(found)
