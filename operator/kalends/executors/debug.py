"""An executor that calls jobs in the calling thread, for tests of programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from typing_extensions import override

from kalends.executors.base import BaseExecutor, run_job

if TYPE_CHECKING:
    from kalends.job import Job


class DebugExecutor(BaseExecutor):
    """Calls each job in the thread of the engine, which waits for it."""

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        try:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001 - as other executors do
            self._run_job_error(job.id, error, sys.exc_info()[2])
        else:
            self._run_job_success(job.id, events)
