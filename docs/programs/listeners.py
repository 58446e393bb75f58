"""A listener receives the value or the exception of each run, and the missed fire times."""

import logging
import threading
from datetime import datetime, timedelta

from kalends.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
from kalends.schedulers.background import BackgroundScheduler

ended = threading.Semaphore(0)


def my_listener(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_MISSED:
        print(f"{event.job_id} was missed", flush=True)
    elif event.exception:
        print(f"{event.job_id} failed: {event.exception}", flush=True)
    else:
        print(f"{event.job_id} returned {event.retval}", flush=True)
    ended.release()


def divide(by: int) -> float:
    return 6 / by


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # the listener prints it
    long_ago = datetime.now().astimezone() - timedelta(minutes=5)
    with BackgroundScheduler(job_defaults={"misfire_grace_time": None}) as scheduler:
        scheduler.add_listener(my_listener, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        scheduler.add_job(divide, args=[2], id="works")
        scheduler.add_job(divide, args=[0], id="fails")
        scheduler.add_job(divide, "date", args=[1], run_date=long_ago, misfire_grace_time=60, id="late")
        for _ in range(3):
            ended.acquire(timeout=60)
