"""A scheduler beside the program's main loop: a job every 0.2 seconds, until the program ends."""

import threading
from datetime import datetime

from kalends.schedulers.background import BackgroundScheduler

ticks = threading.Semaphore(0)


def tick() -> None:
    print(f"Tick! The time is: {datetime.now().astimezone()}", flush=True)
    ticks.release()


if __name__ == "__main__":
    scheduler = BackgroundScheduler()
    scheduler.add_job(tick, "interval", seconds=0.2)
    scheduler.start()
    try:
        for _ in range(3):
            ticks.acquire()  # here the program does its work
    finally:
        scheduler.shutdown()
