"""Schedulers for each kind of program, with APScheduler's names, on the engine of Kalends."""


class SchedulerAlreadyRunningError(Exception):
    """The scheduler runs already."""

    def __init__(self) -> None:
        super().__init__("Scheduler is already running")


class SchedulerNotRunningError(Exception):
    """The scheduler does not run."""

    def __init__(self) -> None:
        super().__init__("Scheduler is not running")
