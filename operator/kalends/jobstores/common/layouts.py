"""The version of a store's layout, and how an earlier layout becomes the present one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from kalends.errors import UnknownLayout

LAYOUT = 2
"""The version of the layout of every job store. It changes when a Kalends before the change must not use the store.

Version 2 has leases: a scheduler of version 1 acts without one. Their place is created at each start if it is missing,
so nothing is to be done for a store of version 1.
"""
_T = TypeVar("_T")


def migrate(
    found: int, target: _T, *, place: str, newest: int = LAYOUT, steps: Mapping[int, Callable[[_T], None]] | None = None
) -> int:
    """Bring a store from the layout that was found to the newest.

    Args:
        found: The version of its layout.
        target: What each step is called with.
        place: Where it is, for messages.
        newest: The version that is wanted.
        steps: From each earlier version to the next, where there is anything to do.

    Returns:
        The version that it has now.

    Raises:
        UnknownLayout: A later version of Kalends made it.
    """
    if not 1 <= found <= newest:
        raise UnknownLayout(
            f"{place} has a layout of version {found}, and this version of Kalends uses versions 1 to {newest}: "
            "use the Kalends that made it, or another place"
        )
    for version in range(found, newest):
        step = (steps or {}).get(version)
        if step is not None:
            step(target)
    return newest
