"""An application with the job store of Kubernetes: a separate process, whose jobs write a line for each run."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from pathlib import Path

from kalends.executors.pool import ThreadPoolExecutor
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.schedulers.background import BackgroundScheduler

MANAGER = "example.com/my-app"
RUNS = "KALENDS_TEST_RUNS"
LEASE_DURATION = 6.0


def work(name: str = "work", seconds: float = 0.0) -> str:
    """Write a line, and take some time."""
    with Path(os.environ[RUNS]).open("a", encoding="utf-8") as file:
        file.write(f"{name} {os.getpid()}\n")
    time.sleep(seconds)
    return name


def new_scheduler(namespace: str, kubeconfig: Path | None = None) -> BackgroundScheduler:
    """Return the scheduler of the application."""
    return BackgroundScheduler(
        jobstores={"default": KubernetesJobStore(MANAGER, namespace, kubeconfig=kubeconfig)},
        executors={"default": ThreadPoolExecutor(4)},
        timezone="UTC",
        lease_duration=LEASE_DURATION,
        lease_renew_deadline=5.0,
        lease_retry_period=0.5,
    )


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--namespace", required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    scheduler = new_scheduler(options.namespace)
    scheduler.start()
    ended.wait()
    scheduler.shutdown()


if __name__ == "__main__":
    main()
