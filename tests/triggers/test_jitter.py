"""Jitter is spread evenly, stays between fire times, and is the same on every machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kalends.triggers import delay_of

uids = st.uuids().map(str)


@given(uids, st.integers(0, 2**33), st.none() | st.integers(1, 10**6), st.integers(0, 86_400))
def test_a_delay_is_within_the_jitter_and_before_the_next_fire_time(
    uid: str, fire_time: int, gap: int | None, jitter: int
) -> None:
    following = None if gap is None else fire_time + gap
    delay = delay_of(uid, fire_time, following, jitter)
    assert 0 <= delay <= jitter
    assert following is None or fire_time + delay < following
    assert delay == delay_of(uid, fire_time, following, jitter)


def test_delays_are_spread_evenly_over_resources_and_over_fire_times() -> None:
    for delays in (
        [delay_of(f"uid-{number}", 1_704_067_200, None, 9) for number in range(10_000)],
        [delay_of("uid", 1_704_067_200 + number * 60, None, 9) for number in range(10_000)],
    ):
        counts = [delays.count(delay) for delay in range(10)]
        assert 850 < min(counts) <= max(counts) < 1150


def test_a_delay_stays_the_same_for_ever() -> None:
    """A restart, or the next leader, must compute the same."""
    assert delay_of("a3f4e7d0-0c31-4a53-9d6e-0d3f3c1a2b4c", 1_704_067_200, None, 300) == 288


def test_no_jitter_is_no_delay() -> None:
    assert delay_of("uid", 1_704_067_200, None, 0) == 0
    assert delay_of("uid", 1_704_067_200, 1_704_067_201, 300) == 0
