"""Asking a server that has only just been started."""

from pathlib import Path

import pytest

from devcluster.readiness import answers_securely

IN_PART = "-----BEGIN CERTIFICATE-----\nMIIB"


@pytest.mark.parametrize("written", [None, "", IN_PART], ids=["not yet", "begun", "in part"])
def test_a_server_whose_certificate_is_not_written_yet_does_not_answer(tmp_path: Path, written: str | None) -> None:
    authority = tmp_path / "apiserver.crt"
    if written is not None:
        authority.write_text(written)
    assert not answers_securely(1, "/readyz", authority=authority, token="none")  # noqa: S106 - nobody is asked
