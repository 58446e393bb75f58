"""The newer of the system's time zone database and of the package ``tzdata`` is followed."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import tzdata

from kalends.triggers import database_version
from kalends.triggers.zones.database import database, zone_info
from kalends.triggers.zones.zone import find_zone, shared_zone
from triggers.building import at

Lay = Callable[[str | None], Path]
SUMMER = at("2024-07-01")


@pytest.fixture
def system(tmp_path: Path, tzpath_restored: None) -> Iterator[Lay]:
    """Makes a system's database of a version, in which the clocks of Vancouver are those of Kathmandu."""

    def forget() -> None:
        for cache in (database, zone_info, shared_zone):
            cache.cache_clear()

    def lay(version: str | None) -> Path:
        for name, source in (("UTC", "UTC"), ("America/Vancouver", "Asia/Kathmandu"), ("Old/Name", "Asia/Tokyo")):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(files("tzdata.zoneinfo").joinpath(*source.split("/")).read_bytes())
        if version is not None:
            (tmp_path / "tzdata.zi").write_text(
                f"# version {version}\n# This zic input file is in the public domain.\n"
            )
        zoneinfo.reset_tzpath([str(tmp_path)])
        zoneinfo.ZoneInfo.clear_cache()
        forget()
        return tmp_path

    yield lay
    forget()


def hours_from_utc(name: str) -> float:
    return find_zone(name).span_at(SUMMER).offset / 3600


def test_an_old_database_of_the_system_does_not_hide_the_package(system: Lay) -> None:
    folder = system("2001a")
    assert hours_from_utc("America/Vancouver") == -7
    assert database_version() == tzdata.IANA_VERSION
    assert str(database()) == f"{tzdata.IANA_VERSION}, package tzdata; not used: 2001a, {folder}"


@pytest.mark.parametrize("version", ["2999a", "2999aa"])
def test_a_newer_database_of_the_system_is_followed(system: Lay, version: str) -> None:
    folder = system(version)
    assert hours_from_utc("America/Vancouver") == 5.75
    assert str(database()) == f"{version}, {folder}; not used: {tzdata.IANA_VERSION}, package tzdata"


def test_of_two_that_are_equal_the_system_s_is_followed(system: Lay) -> None:
    system(str(tzdata.IANA_VERSION))
    assert hours_from_utc("America/Vancouver") == 5.75


@pytest.mark.parametrize("version", [None, "of my own"])
def test_a_database_of_the_system_that_does_not_say_its_version_is_followed(system: Lay, version: str | None) -> None:
    system(version)
    assert hours_from_utc("America/Vancouver") == 5.75
    assert database_version() == "unknown"


def test_a_name_that_only_the_older_one_has_is_found_there(system: Lay) -> None:
    system("2001a")
    assert hours_from_utc("Old/Name") == 9


def test_without_a_database_of_the_system_the_package_is_followed(system: Lay, tmp_path: Path) -> None:
    system("2999a")
    zoneinfo.reset_tzpath([])
    database.cache_clear()
    assert str(database()) == f"{tzdata.IANA_VERSION}, package tzdata"
    assert str(tmp_path) not in str(database())


def test_what_other_code_of_the_process_reads_is_left_alone(system: Lay) -> None:
    folder = system("2001a")
    assert database().packaged
    assert (str(folder),) == zoneinfo.TZPATH
