"""Which texts can be IDs of jobs in the stores with a server or a file."""

from __future__ import annotations

from kalends.jobstores.base import TransientJobError

LONGEST_ID = 512
"""Characters of an ID: what the keys of every server can hold."""


def is_id(job_id: str) -> bool:
    """Return whether a text can be the ID of a job."""
    return _problem_of_id(job_id) is None


def check_id(job_id: str) -> None:
    """Check the ID of a new job.

    Raises:
        TransientJobError: It is not accepted.
    """
    problem = _problem_of_id(job_id)
    if problem is not None:
        raise TransientJobError(job_id, problem)


def _problem_of_id(job_id: str) -> str | None:
    if not 0 < len(job_id) <= LONGEST_ID:
        return f"its ID must have from 1 to {LONGEST_ID} characters, got {len(job_id)}"
    if "\0" in job_id:
        return "its ID must not contain NUL"
    if any("\ud800" <= character <= "\udfff" for character in job_id):
        return "its ID must be Unicode text, without lone surrogates"
    return None
