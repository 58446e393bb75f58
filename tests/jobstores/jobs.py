"""The jobs of the contract of job stores, under a short name for references."""

from __future__ import annotations

from kalends.testing.contracts.jobs import BERLIN, MICROSECOND, NOON, job, record, write_of


def report(*args: object, **kwargs: object) -> None:
    """Is what jobs of these tests call."""


class Reports:
    """Has methods that jobs call."""

    @classmethod
    def daily(cls) -> None:
        """Is a class method."""

    @staticmethod
    def weekly() -> None:
        """Is a static method."""

    def monthly(self) -> None:
        """Is a method of an instance."""


__all__ = ["BERLIN", "MICROSECOND", "NOON", "Reports", "job", "record", "report", "write_of"]
