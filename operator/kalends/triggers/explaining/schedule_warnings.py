"""What is valid, and yet unlikely to be meant: schedules, or parts of them, that were over from the start."""

from __future__ import annotations

from collections.abc import Iterator

from kalends.triggers.build import Setting, rule_of, setting_of, within_limits
from kalends.triggers.protocol import Instant, Rule, Trigger
from kalends.triggers.search.budget import MOST_WORK, Budget
from kalends.triggers.when import When
from kalends.triggers.zones.zone import LAST_INSTANT


def warnings_of(when: When, *, created: Instant, zone: str, identity: str) -> Iterator[str]:
    """Yield what a user should know of a valid schedule; arguments and errors are those of ``build_trigger``.

    What is not known within the budget of a question is no warning: only what is certain is said.
    """
    setting = setting_of(when, created=created, zone=zone, identity=identity)
    rule = rule_of(when, setting)
    if _is_over(rule, setting, Budget()):
        yield over_before(rule, "it was created")
        return
    # All members together cost what one question costs.
    share = MOST_WORK // max(len(setting.alternatives), 1)
    for path, member in setting.alternatives:
        if _is_over(within_limits(member, when, setting), setting, Budget(share)):
            yield f"{path} never fires: no fire time from the creation on lies within its bounds and the spec's"


def over_before(trigger: Trigger, event: str) -> str:
    """Return the words for a trigger that was over before an event, such as ``it was created``."""
    first = trigger.next_after(-1)
    if first is None:
        return f"it has no fire time: its `endTime` had passed before {event}"
    is_only = isinstance(first, int) and trigger.next_after(first) is None
    return f"its {'only' if is_only else 'last'} fire time had passed before {event}"


def _is_over(rule: Rule, setting: Setting, budget: Budget) -> bool:
    return rule.seek(setting.created - 1, LAST_INSTANT, budget) is None
