"""Tasks of our own. What they return is JSON, and ends up in the status of the ScheduledJob."""

from __future__ import annotations

import kalends


@kalends.task(name="acme.revenue")
def revenue(region: str, *, currency: str = "EUR") -> dict[str, str]:
    """Pretend to add up the revenue of a region until the fire time, however late it is by now."""
    until = kalends.current_run().scheduled_time
    return {"region": region, "currency": currency, "until": until.isoformat()}
