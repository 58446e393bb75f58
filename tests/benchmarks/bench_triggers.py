"""How fast fire times are, against other libraries in the same process.

Run it as ``python tests/benchmarks/bench_triggers.py``. Both sides take turns, so that a busy machine slows both; what
counts is the median of the ratios. Exits 1 if a bar is missed.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

from kalends.conversion.v1alpha1 import when_of
from kalends.errors import InvalidSchedule
from kalends.model import ScheduledJobSpec
from kalends.triggers import Trigger, When, build_trigger
from kalends.triggers.cron.days import days_of
from kalends.triggers.cron.five_field_reader import parse_field
from kalends.triggers.cron.five_fields import read_fields
from narrowing import known, present

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from croniter import croniter

ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)
START = 1_704_067_200
BEGIN = datetime.fromtimestamp(START, BERLIN)
WEEK = 7 * 86_400
ROUNDS = 41
CHAIN = 100


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, the bar, and by how much it is passed."""

    what: str
    bar: str
    found: str
    passed: bool


def spec_of(**when: Any) -> When:
    return when_of(ScheduledJobSpec.model_validate({**when, "task": {"name": "bench"}}))


def build(spec: When) -> Trigger:
    return build_trigger(spec, created=START, zone=ZONE, identity="default/bench")


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Return how many times longer theirs takes: the median over rounds in which the two take turns."""
    ours()
    theirs()
    return statistics.median(seconds(theirs) / seconds(ours) for _ in range(ROUNDS))


def chained(text: str) -> Callable[[], object]:
    following = build(spec_of(schedule=text)).next_after

    def run() -> None:
        instant: int | None = START
        for _ in range(CHAIN):
            instant = known(following(present(instant)))

    return run


def chained_apscheduler(text: str) -> Callable[[], object]:
    trigger = CronTrigger.from_crontab(text, timezone=BERLIN)

    def run() -> None:
        moment = BEGIN
        for _ in range(CHAIN):
            moment = trigger.get_next_fire_time(moment, moment)

    return run


def chained_cronsim(text: str) -> Callable[[], object]:
    def run() -> None:
        walk = CronSim(text, BEGIN)
        for _ in range(CHAIN):
            next(walk)

    return run


def against(name: str, theirs: Callable[[str], Callable[[], object]], bars: dict[str, float]) -> list[Row]:
    rows = []
    for text, bar in bars.items():
        found = ratio(chained(text), theirs(text))
        rows.append(Row(f"chained {text}, against {name}", f"{bar:g} x", f"{found:.1f} x", found >= bar))
    return rows


def forget() -> None:
    """Empty what expressions share, so that each is read and worked out anew."""
    for shared in (read_fields, parse_field, days_of):
        shared.cache_clear()


EXPRESSIONS = ["*/5 * * * *", "0 9 * * mon-fri", "15,45 8-18/2 1-7 * *", "0 0 1,15 jan-mar sun", "30 2 29 2 *"]


SPECS = [spec_of(schedule=text) for text in EXPRESSIONS]


def first_of_each() -> None:
    forget()
    for spec in SPECS:
        build(spec).next_after(START)


def first_of_each_croniter() -> None:
    for text in EXPRESSIONS:
        croniter(text, BEGIN).get_next(datetime)


def first_fire_time() -> Row:
    found = ratio(first_of_each, first_of_each_croniter)
    return Row("first fire time, parse included, against croniter", "3 x", f"{found:.1f} x", found >= 3)


def best(action: Callable[[], object], times: int = 7) -> float:
    return min(seconds(action) for _ in range(times))


def counting() -> Row:
    trigger = build(spec_of(trigger={"cron": {"second": "*"}}))
    assert known(trigger.tally(START, START + WEEK)).count == WEEK
    duration = best(lambda: trigger.tally(START, START + WEEK))
    tracemalloc.start()
    trigger.tally(START, START + WEEK)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    passed = duration < 0.020 and peak < 100_000
    return Row('counting a week of second: "*"', "20 ms", f"{duration * 1e3:.3f} ms, {peak:,} bytes", passed)


def refusing() -> Row:
    specs = [
        spec_of(schedule="0 0 30 2 *"),
        spec_of(trigger={"cron": {"month": "mar-oct", "week": "49-50"}}),
        spec_of(trigger={"allOf": [{"cron": {"dayOfWeek": "fri"}}, {"cron": {"dayOfWeek": "sat"}}]}),
    ]
    longest = 0.0
    for spec in specs:
        longest = max(longest, best(partial(refuse, spec)))
    return Row("an impossible expression refused", "10 ms", f"{longest * 1e3:.2f} ms", longest < 0.010)


def refuse(spec: When) -> None:
    forget()
    try:
        build(spec)
    except InvalidSchedule:
        return
    raise AssertionError(spec)


def sized(make: Callable[[Any], object], sources: Sequence[object]) -> float:
    """Return the bytes that an object takes, of many that are kept."""
    gc.collect()
    tracemalloc.start()
    kept = [make(source) for source in sources]
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(kept)


def memory() -> Row:
    numbers = itertools.product(range(60), range(24))
    texts = [f"{minute} {hour} * * mon-fri" for minute, hour in numbers]
    specs = [spec_of(schedule=text) for text in texts]
    build(specs[0])
    ours = sized(build, specs)
    theirs = sized(lambda text: CronTrigger.from_crontab(text, timezone=BERLIN), texts)
    return Row("memory of a built cron trigger", "2,900 bytes", f"{ours:,.0f} (theirs {theirs:,.0f})", ours < 2_900)


def main() -> int:
    """Print the table; return 1 if a bar is missed."""
    rows = [
        *against("APScheduler", chained_apscheduler, {"*/5 * * * *": 12, "0 9 * * mon-fri": 12, "0 0 29 2 *": 10}),
        *against("cronsim", chained_cronsim, {"*/5 * * * *": 5, "0 9 * * mon-fri": 8, "0 0 29 2 *": 15}),
        first_fire_time(),
        counting(),
        refusing(),
        memory(),
    ]
    width = max(len(row.what) for row in rows)
    for row in rows:
        sys.stdout.write(
            f"{row.what:<{width}}  at least {row.bar:>11}  {row.found:<28} {'' if row.passed else 'MISSED'}\n"
        )
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
