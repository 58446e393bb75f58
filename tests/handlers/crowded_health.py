"""A server of probes in a process with 128 descriptors: it prints its port, and at the end what it saw, as JSON."""

import asyncio
import json
import logging
import os
import resource
import sys

from kalends.handlers.health_server import Page, PageServer


class Count(logging.Handler):
    """Counts log lines."""

    lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        del record
        self.lines += 1


def free_descriptors() -> int:
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return len(taken)
    finally:
        for one in taken:
            os.close(one)


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(how: str) -> None:
    count = Count()
    logging.getLogger().addHandler(count)
    server = PageServer(lambda path: Page(b"ok") if path == "/livez" else None)
    await server.listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.run())
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_reader(sys.stdin, end.set)
    taken = []
    if how == "exhausted":
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
    say(server.port)
    await end.wait()
    for one in taken:
        os.close(one)
    say({"free_descriptors": free_descriptors(), "log_lines": count.lines})
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    asyncio.run(main(sys.argv[1]))
