"""Jobs declared where their functions are. A job with an ID replaces what a job store has under that ID."""

import threading

from kalends.schedulers.background import BackgroundScheduler

scheduler = BackgroundScheduler(timezone="Europe/Berlin")
beats = threading.Semaphore(0)


@scheduler.scheduled_job("interval", seconds=0.2, id="heartbeat")
def heartbeat() -> None:
    print("beat", flush=True)
    beats.release()


@scheduler.scheduled_job("cron", day_of_week="mon-fri", hour=9, minute=30, id="report")
def report() -> None:
    print("report", flush=True)


if __name__ == "__main__":
    scheduler.start(paused=True)
    scheduler.print_jobs()
    scheduler.resume()
    for _ in range(3):
        beats.acquire()
    scheduler.shutdown()
