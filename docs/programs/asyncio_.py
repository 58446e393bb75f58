"""Coroutines as jobs: they run on the loop of the program. The end of ``async with`` waits for them."""

import asyncio
from datetime import datetime

from kalends.schedulers.asyncio import AsyncIOScheduler


async def tick(ticks: asyncio.Semaphore) -> None:
    await asyncio.sleep(0.01)
    print(f"Tick! The time is: {datetime.now().astimezone()}", flush=True)
    ticks.release()


async def main() -> None:
    ticks = asyncio.Semaphore(0)
    async with AsyncIOScheduler() as scheduler:
        scheduler.add_job(tick, "interval", seconds=0.2, args=[ticks])
        for _ in range(3):
            await ticks.acquire()  # here the program does its work


if __name__ == "__main__":
    asyncio.run(main())
