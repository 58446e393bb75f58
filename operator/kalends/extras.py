"""Packages that only some classes need: what an import says where they are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(user: str, extra: str, package: str = "") -> Iterator[None]:
    """Import a package of an extra within this.

    Args:
        user: The class that needs it.
        extra: The extra of Kalends that brings it.
        package: Its name. ``""``: that of the extra.

    Raises:
        ImportError: It is not installed; the message names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{user} needs the package {package or extra}, which is not installed: pip install 'kalends[{extra}]'"
        ) from error
