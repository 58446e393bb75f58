"""The contract about records, for every job store of Kalends: the suite that authors of plug-ins run."""

from __future__ import annotations

from kalends.testing.contracts.jobstore_records import *  # noqa: F403 - pytest collects the claims where it finds them
