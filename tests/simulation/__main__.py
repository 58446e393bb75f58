"""``python -m simulation --seed 123`` from ``tests/``: tell the story of a seed; ``--seeds 1-500``: try many."""

from __future__ import annotations

import argparse
import sys
import time

from simulation.seeds import history_of, tried


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", help="tell the story of this seed")
    parser.add_argument("--seeds", default="1-200", help="try these, and name those that fail: FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=1, help="in so many processes side by side")
    parser.add_argument("--releases", type=int, choices=(1, 2), default=1, help="releases over the same namespaces")
    parser.add_argument("--restores", action="store_true", help="with resources that are restored from backups")
    parser.add_argument("--logs", action="store_true", help="with what the operators log")
    said = parser.parse_args()
    if said.seed is not None:
        history = history_of(said.seed, releases=said.releases, restores=said.restores, logs=said.logs)
        print(history)  # noqa: T201 - a command prints
        return bool(history.wrong)
    first, _, last = said.seeds.partition("-")
    return try_all(range(int(first), int(last or first) + 1), said.jobs, said.releases, restores=said.restores)


def try_all(seeds: range, processes: int, releases: int, *, restores: bool) -> int:
    """Try seeds, say which fail and how, and how long it took; return how many failed."""
    begun = time.perf_counter()
    failed = runs = 0
    simulated = 0.0
    for came in tried(seeds, processes, releases, restores=restores):
        runs += came.runs
        simulated += came.seconds
        if came.wrong:
            failed += 1
            print(f"seed {came.seed}: {came.wrong[0]}", flush=True)  # noqa: T201 - as above
    took = time.perf_counter() - begun
    print(  # noqa: T201 - as above
        f"{len(seeds)} seeds, {failed} failed; {simulated / 3600:.1f} simulated hours, {runs} runs, "
        f"{took:.1f} s, {1000 * took / len(seeds):.0f} ms a seed"
    )
    return failed


if __name__ == "__main__":
    sys.exit(bool(main()))
