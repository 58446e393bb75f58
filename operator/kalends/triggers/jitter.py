"""How late a run starts on purpose, so that a thousand schedules "at midnight" do not start at once."""

from __future__ import annotations

from hashlib import blake2b

from kalends.triggers.protocol import Instant


def delay_of(uid: str, fire_time: Instant, next_fire_time: Instant | None, jitter_seconds: int) -> int:
    """Return by how many seconds the run of ``fire_time`` is put off: from 0 to ``jitter_seconds``.

    It is a pure function of its arguments, so a restarted operator, or the next leader, computes the same. The run
    starts before ``next_fire_time`` (None: there is none), so runs never change their order.
    """
    longest = jitter_seconds if next_fire_time is None else min(jitter_seconds, next_fire_time - fire_time - 1)
    if longest <= 0:
        return 0
    digest = blake2b(f"{uid}/{fire_time}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (longest + 1)
