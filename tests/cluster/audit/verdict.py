"""What the audit found, in words: what is wrong, where, and by which evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: str
    """A word for it, such as ``lost`` or ``doubled``."""
    where: str
    """``namespace/name`` of the ScheduledJob, and its UID."""
    claim: str
    """What does not hold."""
    evidence: Sequence[str] = ()

    def __str__(self) -> str:
        """Return it as a paragraph."""
        lines = [f"[{self.kind}] {self.where}", f"    {self.claim}"]
        lines += [f"      - {one}" for one in self.evidence[:12]]
        if len(self.evidence) > 12:
            lines.append(f"      - and {len(self.evidence) - 12} more")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was found, and how much was looked at."""

    findings: Sequence[Finding]
    fates: Mapping[str, int] = field(default_factory=dict)
    """How many fire times there were, by what became of them."""
    resources: int = 0
    executions: int = 0
    jobs: int = 0
    latest: float = 0.0
    """Seconds after its fire time at which the latest execution began."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def kinds(self) -> Counter[str]:
        """Return how many findings there are of each kind."""
        return Counter(one.kind for one in self.findings)

    def __str__(self) -> str:
        """Return the whole report."""
        fates = ", ".join(f"{count} {fate}" for fate, count in sorted(self.fates.items()))
        looked_at = (
            f"{self.resources} ScheduledJobs, {sum(self.fates.values())} fire times ({fates}); "
            f"{self.executions} executions of tasks, {self.jobs} Jobs; the latest began {self.latest:.1f} s late"
        )
        if self.is_clean:
            return f"CLEAN: {looked_at}"
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds().most_common())
        return "\n".join([f"NOT CLEAN: {kinds}", f"looked at {looked_at}", "", *map(str, self.findings)])


def shown(instant: float) -> str:
    """Return an instant as people read it, with its seconds."""
    moment = datetime.fromtimestamp(instant, UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d} ({instant:.0f})"
