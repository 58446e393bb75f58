"""What runs, and their Jobs, are called: worked out from what they are, so that creating one twice creates it once.

A resource's name has at most 52 characters, a Job's 63: so every suffix is a hyphen and at most ten more characters,
and no two kinds of suffix can be the same text.
"""

from __future__ import annotations

import base64
from hashlib import blake2b

from kalends.engine.core.state import Instant

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOKEN_BYTES = 5
"""As many as fit eight characters of base 32: of a thousand requests to one resource, two clash once in two million
cases."""


def run_name(resource: str, fire_time: Instant, attempt: int = 1, request: str = "") -> str:
    """Return the name of one attempt at a run.

    Args:
        resource: The ScheduledJob's name.
        fire_time: Ten decimal digits for the first attempt; seven digits in base 36 for later attempts, which leaves
            room for their number.
        attempt: From 1 to 1295.
        request: The token of a requested run, which identifies it in place of its fire time.
    """
    if request:
        text = request if attempt == 1 else f"{request}\0{attempt}"
        digest = blake2b(text.encode(), digest_size=_TOKEN_BYTES).digest()
        return f"{resource}-m-{base64.b32encode(digest).decode().lower()}"
    if attempt == 1:
        return f"{resource}-{fire_time}"
    return f"{resource}-{_base_36(fire_time).zfill(7)}-{_base_36(attempt)}"


def _base_36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits
