"""The interpreter that forks workers reaps each of them only after all that it had started was ended."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from kalends.executors.pools import fork_server
from kalends.executors.pools.fork_server import FAILED, REPLY, REQUEST, fork_worker, report_ended

FIRST, SECOND = 1001, 1002


def test_a_worker_that_ends_while_another_is_reaped_has_its_group_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = [FIRST]
    groups: list[int] = []
    reaped: list[tuple[int, list[int]]] = []

    def waitid(*_: Any) -> Any:
        found = SimpleNamespace(si_pid=ended[0]) if ended else None
        if ended == [FIRST] and not reaped:
            ended.insert(0, SECOND)  # it ends right after the look, and the kernel would reap it first
        return found

    def waitpid(pid: int, _: int) -> tuple[int, int]:
        found = ended[0] if pid == -1 else pid
        ended.remove(found)
        reaped.append((found, list(groups)))
        return found, 0

    monkeypatch.setattr(os, "waitid", waitid)
    monkeypatch.setattr(os, "waitpid", waitpid)
    monkeypatch.setattr(fork_server, "end_group", groups.append)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        report_ended(ours, {FIRST, SECOND})
    assert sorted(pid for pid, _ in reaped) == [FIRST, SECOND]
    assert all(pid in groups_then for pid, groups_then in reaped)


def test_a_request_whose_descriptor_was_lost_is_answered_as_failed() -> None:
    server, client = socket.socketpair()
    with server, client:
        client.sendall(b"x" * len(REQUEST))
        own: Any = ()
        fork_worker(server, set(), own)
        kind, pid, code = REPLY.unpack(client.recv(REPLY.size))
    assert (kind, pid) == (FAILED, 0)
    assert code
