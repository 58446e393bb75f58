"""Environment variables that look like settings and are none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from kalends.settings import Settings

PREFIX = "KALENDS_"
_OTHERS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("CONFIG", "LOG_FORMAT", "LOG_LEVEL"),  # options of the command line
        *("RUN", "ATTEMPT", "NAMESPACE", "SCHEDULED_TIME", "LAST_SUCCESS_TIME", "TERMINATION_LOG"),  # of a run
        *("CLUSTER", "KUBECONFIG", "BENCH_RUNS"),  # of the tests
    )
)
_OF_A_SERVICE = re.compile(r"_SERVICE_(HOST|PORT(_.+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$")
"""What Kubernetes sets in each container for a Service of its namespace, such as one named ``kalends``."""


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield, for each variable that is ignored although its name begins as that of a setting, what is wrong."""
    settings = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    known = sorted(settings | _OTHERS)
    for name in sorted(environ):
        setting = name.upper().partition("__")[0]
        if not name.upper().startswith(PREFIX) or name.upper() in known or setting in settings:
            continue
        if _OF_A_SERVICE.search(name):
            continue
        near = difflib.get_close_matches(name.upper().replace("__", "_"), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"the environment variable {name} is no setting, and is ignored{hint}"
