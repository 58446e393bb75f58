"""What the API server's answer to a Job means: that it will always be so, or that it may pass by itself.

Permanent are errors about this very Job, which will be the same whenever it is sent:

- 400, 422: its shape, or an admission policy that judges it;
- 403 of an admission webhook or policy ("… denied the request"): it judges what is in the Job;
- 413, or a 500 that says "request is too large": it is larger than what can be stored.

All else may pass without any change to the resource, and is tried again; after a few tries in a row it is reported:

- 403 otherwise: a quota that is used up, a missing permission, a namespace that is being deleted;
- 404: the namespace is gone, and with it, in a moment, the resource;
- 401, 405, 406, 415 and similar: they concern credentials or a proxy in between, not the Job;
- 409 that is no "AlreadyExists": two writers of a quota met;
- 429, 5xx, and no answer at all.
"""

from __future__ import annotations

from http import HTTPStatus

from kalends.engine.ports import Run
from kalends.errors import (
    NAMESPACE_TERMINATING,
    ApiError,
    NamespaceTerminating,
    StartDeferred,
    StartRefused,
    Unavailable,
)
from kalends.model.reasons import Reason

LONGEST_MESSAGE = 900
_ALWAYS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_UNKNOWN = frozenset({0, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


def is_permanent(error: ApiError) -> bool:
    """Return whether the same Job would be refused whenever it is sent."""
    message = error.message.lower()
    if error.status == HTTPStatus.FORBIDDEN:
        return is_of_admission(error)
    return error.status in _ALWAYS or (
        error.status == HTTPStatus.INTERNAL_SERVER_ERROR and "request is too large" in message
    )


def is_of_admission(error: ApiError) -> bool:
    """Return whether an admission webhook or policy denied a request; its rules may change at any time."""
    message = error.message.lower()
    return "denied" in message and ("admission webhook" in message or "admissionpolicy" in message)


def name_is_taken(error: ApiError) -> bool:
    """Return whether there is a Job of that name."""
    return error.status == HTTPStatus.CONFLICT and error.reason == "AlreadyExists"


def after_creation(error: ApiError, run: Run, *, may_exist: bool = False) -> StartRefused | Unavailable:
    """Map a failed creation of a Job.

    Args:
        error: The API server's answer.
        run: Whose Job it is.
        may_exist: Whether this creation, or an earlier one of the same Job, may have been carried out.
    """
    if is_permanent(error):
        return StartRefused(Reason.JOB_REFUSED, _message(error, run))
    message = str(error).replace(f'"{run.name}" ', "")
    if may_exist:
        return Unavailable(message, error.retry_after)
    if NAMESPACE_TERMINATING in error.causes:
        return NamespaceTerminating(message)
    return StartDeferred(message, error.retry_after)


def after_dry_run(error: ApiError, run: Run) -> StartRefused | Unavailable | None:
    """Map a failed dry run to an error: None if it does not apply to later Jobs."""
    if "does not support dry run" in error.message.lower():
        return None  # an admission webhook with side effects: what it thinks is found out when a run is due
    if is_permanent(error):
        message = f"spec.jobTemplate: {_message(error, run)}"
        return StartRefused(Reason.INVALID_JOB_TEMPLATE, message, may_pass=is_of_admission(error))
    if error.status in _UNKNOWN or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(str(error))
    return None  # a quota that is used up, say, may not be when a run is due


def _message(error: ApiError, run: Run) -> str:
    """Return the API server's message without the name of the Job, which does not exist."""
    return error.message.replace(f'"{run.name}" ', "")[:LONGEST_MESSAGE]
