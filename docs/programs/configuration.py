"""Job stores, executors and defaults of jobs in one flat dictionary, as a configuration file has it."""

import threading

from kalends.schedulers.background import BackgroundScheduler

CONFIGURATION = {
    "apscheduler.jobstores.default": {"type": "memory"},
    "apscheduler.jobstores.other.type": "memory",
    "apscheduler.executors.default": {"class": "kalends.executors.pool:ThreadPoolExecutor", "max_workers": "20"},
    "apscheduler.executors.processpool": {"type": "processpool", "max_workers": "2"},
    "apscheduler.job_defaults.coalesce": "false",
    "apscheduler.job_defaults.max_instances": "3",
    "apscheduler.timezone": "UTC",
}

if __name__ == "__main__":
    scheduler = BackgroundScheduler(CONFIGURATION)
    scheduler.start()
    done = threading.Event()
    job = scheduler.add_job(done.set, "interval", seconds=0.1, jobstore="other")
    done.wait(60)
    print(job.coalesce, job.max_instances, scheduler.timezone, flush=True)
    scheduler.shutdown()
