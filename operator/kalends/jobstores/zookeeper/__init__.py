"""A job store in ZooKeeper."""

from kalends.jobstores.zookeeper.store import ZooKeeperJobStore

__all__ = ["ZooKeeperJobStore"]
