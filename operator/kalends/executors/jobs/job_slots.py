"""How many Jobs are unfinished, by namespace, and how many more the limit allows."""

from __future__ import annotations

from collections import Counter

UNLIMITED = 1_000_000


class JobSlots:
    """Counts the Jobs that were seen and have not ended: also those that wait for a pod, or for their admission.

    The count comes from what the informers show, so that it is the same after a restart. The limit is for all
    namespaces together.
    """

    def __init__(self) -> None:
        self._namespaces: dict[str, str] = {}
        """The namespace of each unfinished Job, by its UID."""
        self.by_namespace: Counter[str] = Counter()

    def take(self, namespace: str, uid: str) -> None:
        """Count a Job as unfinished."""
        if uid not in self._namespaces:
            self._namespaces[uid] = namespace
            self.by_namespace[namespace] += 1

    def free(self, uid: str) -> bool:
        """Count a Job no longer, and return whether it was counted."""
        namespace = self._namespaces.pop(uid, None)
        if namespace is None:
            return False
        self.by_namespace[namespace] -= 1
        if not self.by_namespace[namespace]:
            del self.by_namespace[namespace]
        return True

    def left(self, limit: int | None) -> int:
        """Return how many Jobs may be created where at most ``limit`` may be unfinished; None: any number."""
        return UNLIMITED if limit is None else limit - len(self._namespaces)
