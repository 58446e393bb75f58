"""A job store whose jobs are ScheduledJobs of a cluster."""

from kalends.jobstores.kubernetes.store import KubernetesJobStore

__all__ = ["KubernetesJobStore"]
