"""A job store in a table of SQLite, PostgreSQL, MariaDB or MySQL."""

from kalends.jobstores.sqlalchemy.store import SQLAlchemyJobStore

__all__ = ["SQLAlchemyJobStore"]
