"""Which of two versions of a stored object is newer: the only place where versions are compared."""

from __future__ import annotations


def is_newer(version: str, than: str) -> bool:
    """Return whether one version of an object comes after another.

    The resourceVersions of Kubernetes have been comparable as integers since 1.35 (KEP-5504), and were so in practice
    before. A version that is no integer is taken as newer than any other: what is looked at twice does no harm, what is
    never looked at does.
    """
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


def is_older(version: str, than: str) -> bool:
    """Return whether one version of an object comes before another; a version that is no integer never does."""
    return version != than and not is_newer(version, than)
