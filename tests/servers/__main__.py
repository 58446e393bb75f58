"""Install the servers that need minutes, without the time limit of a test: `make servers`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from servers.coordination import Etcd, ZooKeeper
from servers.documents import Reqlite, SecantusDB
from servers.harness import Missing, ServerKind

KINDS: tuple[ServerKind, ...] = (SecantusDB(), Etcd(), ZooKeeper(), Reqlite())


def main() -> int:
    """Install each; return 1 if one cannot be installed."""
    missing = 0
    for kind in KINDS:
        start = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                kind.command(Path(folder), 1)
        except Missing as reason:
            missing = 1
            sys.stderr.write(f"══ NO {kind.name.upper()} ══ {reason}\n")
        else:
            sys.stderr.write(f"{kind.name}: {time.monotonic() - start:.0f} s\n")
    return missing


if __name__ == "__main__":
    sys.exit(main())
