"""A scheduler beside the program's main loop: a job every 0.2 seconds, until the program ends."""

import time
from datetime import datetime

from kalends.schedulers.background import BackgroundScheduler


def tick() -> None:
    print(f"Tick! The time is: {datetime.now().astimezone()}", flush=True)


if __name__ == "__main__":
    scheduler = BackgroundScheduler()
    scheduler.add_job(tick, "interval", seconds=0.2)
    scheduler.start()
    try:
        time.sleep(1)  # here the program does its work
    finally:
        scheduler.shutdown()
