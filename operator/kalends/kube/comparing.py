"""What a collection holds that is not known yet: versions are listed, and only what differs is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kalends.errors import ApiError
from kalends.kube.client import ApiClient
from kalends.kube.paths import item_path
from kalends.kube.transport import METADATA_ONLY, NOTHING, JsonObject

Metadata = Mapping[str, Any]
READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Comparison:
    """What there is."""

    uids: frozenset[str]
    unknown: tuple[JsonObject, ...]
    """Whole objects, as they are now."""


async def compare(
    client: ApiClient, path: str, is_known: Callable[[Metadata], bool], params: Mapping[str, str] = NOTHING
) -> Comparison:
    """Return what the collection at ``path`` holds now, and of that what ``is_known(metadata)`` denies.

    A list without a version is answered from what all servers have agreed on (etcd's quorum), so nothing that was
    written before it began is missing. A watch gives no such promise: it may lag, by a minute if its connection died.

    Raises:
        ApiError: It could not be listed or read to the end.
    """
    uids: set[str] = set()
    unknown: list[Metadata] = []
    async for page in client.list_pages(path, params, accept=METADATA_ONLY):
        for item in page["items"] or ():
            uids.add(item["metadata"]["uid"])
            if not is_known(item["metadata"]):
                unknown.append(item["metadata"])
    found: list[JsonObject] = []
    for start in range(0, len(unknown), READS_AT_ONCE):
        some = unknown[start : start + READS_AT_ONCE]
        found += [one for one in await asyncio.gather(*(_read(client, path, meta) for meta in some)) if one is not None]
    return Comparison(frozenset(uids), tuple(found))


async def _read(client: ApiClient, path: str, meta: Metadata) -> JsonObject | None:
    try:
        return await client.get(item_path(path, meta.get("namespace"), meta["name"]))
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:  # it has gone since
            return None
        raise
