"""What can go wrong between us and the API server, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from kalends.kube.wire.transport import Request


def any_request(_: Request) -> bool:
    return True


def requests_to(method: str, part_of_path: str = "") -> Callable[[Request], bool]:
    return lambda request: request.method == method and part_of_path in request.path


@dataclass(slots=True)
class Fault:
    """Happens to the next ``times`` requests that match (None: to all), made by ``client`` (None: by anybody).

    ``status`` answers without doing anything. ``lost`` breaks the connection: before the request arrives, or after it
    was carried out but before its answer arrives. ``delay`` is waited before, ``late_by`` after it is carried out;
    infinity hangs. The first matching fault of a list is the one that happens.
    """

    matches: Callable[[Request], bool] = any_request
    times: int | None = 1
    client: str | None = None
    delay: float = 0.0
    late_by: float = 0.0
    status: int | None = None
    reason: str = "InjectedFault"
    headers: dict[str, str] = field(default_factory=dict)
    lost: Literal["request", "answer"] | None = None

    def concerns(self, client: str, request: Request) -> bool:
        return self.times != 0 and self.client in {None, client} and self.matches(request)

    def happen(self) -> None:
        if self.times is not None:
            self.times -= 1
