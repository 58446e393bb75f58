"""How much slowness is forgiven: audits judge what was done, not how fast, but some bounds there must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds in seconds, generous enough for a crowded machine."""

    reach: float = 20.0
    """How far the cursor may be behind at the end, with no fault in between."""
    record: float = 60.0
    """How long after its end a run's outcome may have been unrecorded when its operator was killed."""
    late: float = 5.0
    """How long after its deadline was checked a run may begin."""
    seen: float = 60.0
    """After how long the operator must have seen an edit."""
    linger: float = 3.0
    """How long what ran in a killed operator may continue: its worker processes have to notice."""
    catch_up_runs: int = 100
    """So many missed fire times ``coalesce: All`` runs at once; none is closer to the next than a second."""
    quiet: bool = True
    """Whether everything was to be over at the end: nothing active, nothing queued."""
    clock_steps: bool = False
    """Whether the operator's clock was not ours, so that nothing can be said about early and late."""
