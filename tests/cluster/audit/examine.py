"""The audit itself: every check, on every life."""

from __future__ import annotations

from collections import Counter

from . import counting, ending, running
from .accounts import accounts_in
from .dossier import Dossier
from .lives import lives_in
from .patience import Patience
from .verdict import Finding, Verdict

CHECKS = (*counting.CHECKS, *running.CHECKS, *ending.CHECKS)


def examine(dossier: Dossier, patience: Patience | None = None) -> Verdict:
    """Return what is wrong, and how much was looked at."""
    patience = patience or Patience()
    lives = lives_in(dossier)
    accounts, unknown = accounts_in(dossier, lives)
    findings: list[Finding] = list(running.strangers(unknown))
    fates: Counter[str] = Counter()
    for account in accounts:
        fates += account.fates()
        findings += [finding for check in CHECKS for finding in check(account, patience)]
    return Verdict(
        findings=findings,
        fates=fates,
        resources=len(lives),
        executions=len(dossier.executions),
        jobs=sum(len(account.jobs) for account in accounts),
        latest=max((one.start - one.fire for one in dossier.executions if one.attempt == 1), default=0.0),
    )
