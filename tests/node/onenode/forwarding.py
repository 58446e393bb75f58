"""Hands connections on: from the machine's loopback interface, or the pods' bridge, to the API server's port."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterable

CHUNK_BYTES = 65536


def forward(listeners: Iterable[socket.socket], port: int) -> None:
    """Serve the listening sockets from now on, in a thread; a socket belongs to the network in which it was opened."""
    ready = list(listeners)
    threading.Thread(target=lambda: asyncio.run(serve(ready, port)), name="forwarding", daemon=True).start()


async def serve(listeners: Iterable[socket.socket], port: int) -> None:
    """Accept for ever."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
        writer.close()

    for listener in listeners:
        await asyncio.start_server(accepted, sock=listener)
    await asyncio.Event().wait()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand bytes on until one side ends, and tell the other."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
