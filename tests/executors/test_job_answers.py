"""Which errors of a Job's creation are permanent, and which are temporary."""

from __future__ import annotations

import pytest

from doubles import START
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import ApiError, NamespaceTerminating, StartDeferred, StartRefused, Unavailable
from kalends.executors.jobs.refusals import after_creation, after_dry_run, name_is_taken

RUN = Run(Ref("blue", "nightly", "the-uid"), f"nightly-{START}", START, JobTemplate({}, {}, {}), "jobs")
QUOTA = 'jobs.batch "nightly-1" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: 5, limited: 5'
NO_RIGHT = 'jobs.batch is forbidden: User "kalends" cannot create resource "jobs" in API group "batch"'
TERMINATING = 'jobs.batch "x" is forbidden: unable to create new content in namespace x because it is being terminated'
DENIED = 'admission webhook "policy.example.com" denied the request: no privileged containers'
POLICY = "ValidatingAdmissionPolicy 'no-root' with binding 'all' denied request: must not run as root"
NO_DRY_RUN = 'admission webhook "side.effects" does not support dry run'

PERMANENT = [
    (400, "the API server could not understand the request"),
    (400, DENIED),
    (422, 'Job.batch "nightly-1" is invalid: spec.template: Required value'),
    (422, POLICY),
    (403, DENIED),
    (403, POLICY),
    (413, "Request entity too large: limit is 3145728"),
    (500, "etcdserver: request is too large"),
]
MAY_PASS = [
    (403, QUOTA),
    (403, NO_RIGHT),
    (403, TERMINATING),
    (404, 'namespaces "blue" not found'),
    (401, "Unauthorized"),
    (405, "the server does not allow this method on the requested resource"),
    (409, "Operation cannot be fulfilled on resourcequotas"),
    (415, "the body of the request was in an unknown format"),
    (429, "too many requests"),
    (500, "Internal error occurred: failed calling webhook"),
    (503, "apiserver is shutting down"),
    (0, "nothing was heard for 30.0 s"),
]


@pytest.mark.parametrize(("status", "message"), PERMANENT)
def test_an_error_about_the_job_itself_is_permanent(status: int, message: str) -> None:
    error = ApiError(status, "Reason", message)
    refused = after_creation(error, RUN)
    assert isinstance(refused, StartRefused)
    assert refused.reason == "JobRefused"
    invalid = after_dry_run(error, RUN)
    assert isinstance(invalid, StartRefused)
    assert invalid.reason == "InvalidJobTemplate"
    assert invalid.message.startswith("spec.jobTemplate: ")


@pytest.mark.parametrize(("status", "message"), MAY_PASS)
def test_all_else_may_pass_and_says_what_it_is(status: int, message: str) -> None:
    error = ApiError(status, "Reason", message)
    unavailable = after_creation(error, RUN)
    assert isinstance(unavailable, Unavailable)
    assert message in str(unavailable)
    assert not isinstance(after_dry_run(error, RUN), StartRefused)


@pytest.mark.parametrize(("status", "message"), [(403, QUOTA), (403, NO_RIGHT), (404, "gone"), (400, NO_DRY_RUN)])
def test_what_may_be_over_when_a_run_is_due_does_not_make_a_template_invalid(status: int, message: str) -> None:
    assert after_dry_run(ApiError(status, "Reason", message), RUN) is None


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503])
def test_where_nothing_was_checked_it_is_checked_again(status: int) -> None:
    assert isinstance(after_dry_run(ApiError(status, "Reason", "x"), RUN), Unavailable)


def test_a_namespace_that_is_being_deleted_is_known_by_the_cause_that_the_server_gives() -> None:
    error = ApiError(403, "Forbidden", TERMINATING, causes=["NamespaceTerminating"])
    assert isinstance(after_creation(error, RUN), NamespaceTerminating)
    assert not isinstance(after_creation(ApiError(403, "Forbidden", TERMINATING), RUN), NamespaceTerminating)


def test_a_refusal_of_a_job_that_may_exist_by_an_earlier_request_is_not_certain() -> None:
    error = ApiError(403, "Forbidden", QUOTA)
    assert isinstance(after_creation(error, RUN), StartDeferred)
    assert not isinstance(after_creation(error, RUN, may_exist=True), StartDeferred)


def test_a_field_that_the_api_server_does_not_know_makes_a_template_invalid_in_its_words() -> None:
    message = 'Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field "spec.backofLimit"'
    refused = after_dry_run(ApiError(400, "BadRequest", message), RUN)
    assert isinstance(refused, StartRefused)
    assert refused.reason == "InvalidJobTemplate"
    assert message in refused.message


@pytest.mark.parametrize(("status", "message"), PERMANENT)
def test_what_an_admission_policy_denies_may_pass_without_an_edit(status: int, message: str) -> None:
    refused = after_dry_run(ApiError(status, "Reason", message), RUN)
    assert isinstance(refused, StartRefused)
    assert refused.may_pass == (message in {DENIED, POLICY})


def test_only_a_name_that_exists_is_taken() -> None:
    assert name_is_taken(ApiError(409, "AlreadyExists", "x"))
    assert not name_is_taken(ApiError(409, "Conflict", "x"))


def test_a_message_is_cut_and_names_no_unknown_job() -> None:
    refused = after_creation(ApiError(422, "Invalid", f'Job.batch "nightly-{START}" is invalid: ' + "x" * 5000), RUN)
    assert isinstance(refused, StartRefused)
    assert refused.message.startswith("Job.batch is invalid: ")
    assert len(refused.message) <= 900
