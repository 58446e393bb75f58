"""Sends single requests: each within its time, counted, and repeated while that may help."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kalends.clock import Clock
from kalends.errors import ApiError
from kalends.kube.client.paths import resource_label
from kalends.kube.client.retries import Backoff, is_worth_retrying
from kalends.kube.wire.responses import decode, error_of, is_success
from kalends.kube.wire.transport import JsonObject, Request, Response, Stream, Transport

OnRequest = Callable[[str, str, int, float], None]
Answer = TypeVar("Answer")
Answered = TypeVar("Answered", Response, Stream)

# The API server gives up on a request after 60 s; admission webhooks may take 30 of them.
REQUEST_TIMEOUT = 30.0
PATIENCE = 60.0


def ignore_request(_verb: str, _resource: str, _code: int, _seconds: float) -> None:
    """Count nothing."""


class Sender:
    """Sends requests over one transport. ``retries.is_worth_retrying`` decides which are repeated.

    ``on_request(verb, resource, code, seconds)`` is called after every attempt; code 0 means that there was no answer.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        backoff: Backoff,
        on_request: OnRequest,
        chance: Callable[[], float],
    ) -> None:
        self.silence: str | None = None
        """Why the newest attempt got no answer; None if it was answered, whatever the answer says."""
        self._transport = transport
        self._clock = clock
        self._backoff = backoff
        self._on_request = on_request
        self._chance = chance

    async def send(self, request: Request, seconds: float, patience: float, *, repeat: bool) -> JsonObject:
        """Return the object that the server answers with.

        Args:
            request: What is sent.
            seconds: How long one attempt may take.
            patience: How long all attempts may take together, in seconds.
            repeat: Whether a request that failed is sent again where that may help.

        Raises:
            ApiError: The server refused, or did not answer in time (status 0).
        """
        give_up = self._clock.monotonic() + patience
        failures = 0
        while True:
            left = give_up - self._clock.monotonic()
            sending = self._transport.send(request)
            try:
                response = await self._answered(request.method, request, sending, min(seconds, left))
                if is_success(response.status):
                    return decode(response.status, response.body)
                raise error_of(response.status, response.headers, response.body)
            except ApiError as error:
                if not repeat:
                    raise
                failures += 1
                pause = self.pause_before_retry(request, error, failures, give_up)
            await asyncio.sleep(pause)

    async def open(self, request: Request, verb: str = "WATCH") -> Stream:
        """Return the body of an answer as it comes; ``verb`` is what the request is counted as.

        Raises:
            ApiError: The server refused, or did not answer in time (status 0).
        """
        stream = await self._answered(verb, request, self._transport.open(request), REQUEST_TIMEOUT)
        if is_success(stream.status):
            return stream
        try:
            body = await in_time(stream.read(), REQUEST_TIMEOUT)
        finally:
            stream.close()
        raise error_of(stream.status, stream.headers, body)

    def pause_before_retry(self, request: Request, error: ApiError, failures: int, give_up: float) -> float:
        """Return the seconds after which a failed request is sent again, as long as that is before ``give_up``.

        Raises:
            ApiError: The error of the request, if it is not sent again.
        """
        if not is_worth_retrying(request.method, error):
            raise error
        pause = max(error.retry_after or 0.0, self._backoff.pause(failures, self._chance()))
        if self._clock.monotonic() + pause >= give_up:
            raise error
        return pause

    async def _answered(self, verb: str, request: Request, asking: Awaitable[Answered], seconds: float) -> Answered:
        """Return the answer to one attempt, count the attempt, and note whether the API server answers at all."""
        begun = self._clock.monotonic()
        code = 0
        try:
            answer = await in_time(asking, seconds)
            code = answer.status
        except ApiError as error:
            self.silence = str(error)
            raise
        finally:
            self._tell(verb, request.path, code, begun)
        self.silence = None
        return answer

    def _tell(self, verb: str, path: str, code: int, begun: float) -> None:
        self._on_request(verb, resource_label(path), code, self._clock.monotonic() - begun)


async def in_time(awaitable: Awaitable[Answer], seconds: float) -> Answer:
    """Return what is awaited.

    Raises:
        ApiError: It took longer (status 0).
    """
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError as error:
        raise ApiError(0, "Timeout", f"nothing was heard for {seconds:.1f} s") from error
