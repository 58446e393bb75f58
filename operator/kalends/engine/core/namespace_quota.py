"""How much memory the manifests of each namespace may take: a bound that holds however many of them there are."""

from __future__ import annotations

from kalends.engine.core.schedule import Schedule
from kalends.errors import InvalidSpec
from kalends.model.reasons import Reason

MOST_PER_NAMESPACE = 67_108_864
"""Bytes of templates and arguments kept for one namespace: 256 of the largest, or some 50,000 ordinary ones."""


class NamespaceQuota:
    """Counts the bytes of templates and arguments, by namespace and UID."""

    def __init__(self, most: int = MOST_PER_NAMESPACE) -> None:
        self._most = most
        self._sizes: dict[str, dict[str, int]] = {}
        self._sums: dict[str, int] = {}

    def admit(self, schedule: Schedule) -> None:
        """Count a schedule in place of what was counted for its UID before.

        Raises:
            InvalidSpec: Its namespace would have more than its share. Then nothing is counted for it.
        """
        ref, size = schedule.ref, schedule.target.size
        self.forget(ref.namespace, ref.uid)
        if self._sums.get(ref.namespace, 0) + size > self._most:
            raise InvalidSpec(
                f"all templates and arguments of a namespace must be at most {self._most:,} bytes of JSON together, "
                f"got {self._sums.get(ref.namespace, 0):,} and {size:,} of this ScheduledJob; once there is room, any "
                "edit of it has it checked again",
                reason=Reason.TOO_LARGE,
            )
        self._sizes.setdefault(ref.namespace, {})[ref.uid] = size
        self._sums[ref.namespace] = self._sums.get(ref.namespace, 0) + size

    def forget(self, namespace: str, uid: str) -> None:
        """Count nothing for a resource any more."""
        size = self._sizes.get(namespace, {}).pop(uid, 0)
        if size:
            self._sums[namespace] -= size
        if not self._sizes.get(namespace):
            self._sizes.pop(namespace, None)
            self._sums.pop(namespace, None)
