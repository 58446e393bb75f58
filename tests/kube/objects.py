"""Builders of the objects that these tests are about."""

from typing import Any

from kalends.kube.client.paths import JOBS, SCHEDULED_JOBS

JOBS_PATH = JOBS.collection("default")


def job(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"suspend": True}}


def job_path(name: str, subresource: str | None = None) -> str:
    return JOBS.named("default", name, subresource)


def scheduled_job(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"schedule": "* * * * *"}}


def scheduled_job_path(name: str, subresource: str | None = None) -> str:
    return SCHEDULED_JOBS.named("default", name, subresource)
