"""A job store in a table of RethinkDB."""

from kalends.jobstores.rethinkdb.store import RethinkDBJobStore

__all__ = ["RethinkDBJobStore"]
