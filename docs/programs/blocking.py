"""A program that does nothing else: a job every 0.2 seconds, until Ctrl-C or SIGTERM."""

import signal
from datetime import datetime

from kalends.schedulers.blocking import BlockingScheduler

scheduler = BlockingScheduler()


def tick() -> None:
    print(f"Tick! The time is: {datetime.now().astimezone()}", flush=True)


if __name__ == "__main__":
    scheduler.add_job(tick, "interval", seconds=0.2)
    signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown())
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown()
    print("Exited", flush=True)
