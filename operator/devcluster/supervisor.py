"""Runs a command that ends with the process that started it; executed as a script, never imported.

Standard input is the connection to that process. Each byte read from it is the number of a signal to deliver; its end
means that the process at the other end is gone, for whatever reason, and the command is killed. ``PR_SET_PDEATHSIG``
alone would not do: the kernel sends it when the *thread* that forked ends, and tests start components from threads
that come and go. Here it is safe, as this process has one thread: it covers the death of the supervisor.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> None:
    """Make the kernel kill this process when its parent ends; called between fork and exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def obey(command: subprocess.Popen[bytes]) -> int:
    """Forward signals until the command ends; return its exit code as a shell does."""
    ended = os.pidfd_open(command.pid)
    requests = sys.stdin.fileno()
    while True:
        readable, _, _ = select.select([requests, ended], [], [])
        if ended in readable:
            break
        wanted = os.read(requests, 64)
        for number in wanted or [signal.SIGKILL]:
            command.send_signal(number)
        if not wanted:
            break
    code = command.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """Run the command given as arguments."""
    supervisor_pid = os.getpid()
    command = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: die_with(supervisor_pid),  # noqa: PLW1509 - this process has no other thread
    )
    return obey(command)


if __name__ == "__main__":
    sys.exit(main())
