"""``python -m cluster.audit FOLDER`` audits a dossier that was kept, and exits with 1 where something is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from .dossier import Dossier
from .examine import examine


def main() -> int:
    """Audit each folder that is named."""
    clean = True
    for folder in sys.argv[1:]:
        verdict = examine(Dossier.load(Path(folder)))
        clean = clean and verdict.is_clean
        print(f"{folder}: {verdict}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
