"""Pickles that were made to do harm are refused, and leave nothing behind for the pickles after them."""

from __future__ import annotations

import pickle
from zoneinfo import ZoneInfo

import pytest

from kalends.library.foreign.jobs import jobs_in_place
from kalends.library.foreign.pickles import unpickled


@pytest.mark.parametrize(
    "function", ["_codecs\nencode", "builtins\ngetattr", "builtins\nbytearray", "pytz\n_p", "pytz\n_UTC"]
)
@pytest.mark.parametrize("state", ["(dS'x'\nI1\ns", "N(dS'__defaults__'\nNs\x86"])
def test_a_function_that_pickles_may_call_cannot_be_changed(function: str, state: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match="changes a function"):
        unpickled(f"c{function}\n{state}b.".encode("latin1"))


def test_a_bytearray_has_the_size_of_its_content() -> None:
    with pytest.raises(pickle.UnpicklingError, match="a bytearray of int, which is not admitted"):
        unpickled(b"cbuiltins\nbytearray\n(I1000000000000\ntR.")


@pytest.mark.parametrize("protocol", range(6))
def test_a_bytearray_and_a_zone_are_read_in_each_protocol(protocol: int) -> None:
    kept = [bytearray(b"\x00\xff"), bytearray(), ZoneInfo("Asia/Tokyo")]
    assert unpickled(pickle.dumps(kept, protocol)) == kept


@pytest.mark.parametrize("data", [b"\x80\x04Nr\xff\xff\xff\x3f.", b"Np1073741823\n."])
def test_a_position_of_the_memo_that_needs_much_memory_is_refused(data: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="position 1073741823 of its memo"):
        unpickled(data)


@pytest.mark.parametrize(
    "name",
    [
        b"\x8c\x08datetime\x8c\x0cdatetime.now\x93",
        b"\x8c\x08builtins\x8c\x10getattr.__self__\x93",
        b"\x8c\x08operator\x8c\x0aattrgetter\x93",
        b"\x8c\x09functools\x8c\x07partial\x93",
        b"\x8c\x07copyreg\x8c\x0e_reconstructor\x93",
    ],
)
def test_a_name_with_dots_or_of_a_module_of_tools_is_refused(name: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        unpickled(b"\x80\x04" + name + b".")


def test_names_that_are_allowed_must_be_a_list() -> None:
    with pytest.raises(TypeError, match="allow must be a list of names such as"):
        unpickled(pickle.dumps(1), "os:system")
    with pytest.raises(TypeError, match="allow must be a list of names such as"):
        list(jobs_in_place("sqlite://", None, "os:system"))
