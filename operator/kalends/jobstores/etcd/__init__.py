"""A job store in etcd."""

from kalends.jobstores.etcd.store import EtcdJobStore

__all__ = ["EtcdJobStore"]
