"""Which time zone database is followed: the newer of the system's and of the installed package ``tzdata``.

``zoneinfo`` takes the system's, however old: laws change several times a year, and an image or a laptop may be a year
behind the package beside it. The same schedule would then have other fire times on another machine. What other code of
the process reads is left alone.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

_VERSION = re.compile("# version ([0-9]{4}[a-z]+)")
_ANY_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Database:
    """The database in use, and the unused database.

    Args:
        version: Its version, such as ``2026f``; "unknown" where the system does not say.
        source: Where it stands.
        other: The version and place of the unused database; empty: there is none.
        packaged: Whether it is that of the package.
    """

    version: str
    source: str
    other: str
    packaged: bool

    def __str__(self) -> str:
        return f"{self.version}, {self.source}" + (f"; not used: {self.other}" if self.other else "")


@lru_cache(maxsize=1)
def database() -> Database:
    """Return which database is followed, as long as the process lives.

    Where the system's does not say its version, it is used: its keeper may be ahead of the package.
    """
    packaged = str(tzdata.IANA_VERSION)
    name = "package tzdata"
    folder = next((folder for folder in map(Path, zoneinfo.TZPATH) if (folder / _ANY_ZONE).is_file()), None)
    if folder is None:
        return Database(packaged, name, "", packaged=True)
    system = _version_of(folder)
    if system is not None and _order(packaged) > _order(system):
        return Database(packaged, name, f"{system}, {folder}", packaged=True)
    return Database(system or "unknown", f"{folder}", f"{packaged}, {name}", packaged=False)


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """Return a zone of the database in use. A zone that only the other database has is taken from there.

    Raises:
        KeyError, ValueError, OSError: There is no such zone.
    """
    if database().packaged:
        found = files("tzdata.zoneinfo").joinpath(*name.split("/"))
        if found.is_file():
            with found.open("rb") as data:
                return ZoneInfo.from_file(data, key=name)
    return ZoneInfo(name)


def _version_of(folder: Path) -> str | None:
    try:
        with (folder / "tzdata.zi").open(encoding="ascii") as lines:
            found = _VERSION.match(lines.readline())
    except (OSError, ValueError):
        return None
    return None if found is None else found[1]


def _order(version: str) -> tuple[str, int, str]:
    """Return what versions are compared by: 2026z comes before 2026aa."""
    return version[:4], len(version), version
