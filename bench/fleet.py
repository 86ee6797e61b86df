"""Many hosts made of one libvirtd: a socket for each, through which its own node of the test driver is reached.

What a network does to hosts is done to these sockets: they are closed, or nothing comes through any more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.guests import write_test_node

BLOCK = 65536  # bytes taken from a socket at once


class _Gate:
    """The socket of one host."""

    def __init__(self, path: Path, daemon: Path) -> None:
        self._path = path
        self._daemon = daemon
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._lines: set[asyncio.StreamWriter] = set()
        self.connections = 0  # so far

    async def open(self) -> None:
        """Be reachable, from now on or again."""
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._accept, self._path)

    async def hang(self) -> None:
        """Let nothing through, in neither direction, without closing anything."""
        self._open.clear()

    async def close(self) -> None:
        """Be gone: connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink()
        for line in tuple(self._lines):
            line.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._lines.add(writer)
        with suppress(asyncio.CancelledError, OSError):
            await self._open.wait()
            far_reader, far_writer = await asyncio.open_unix_connection(self._daemon)
            self._lines.add(far_writer)
            try:
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            finally:
                self._lines.discard(far_writer)
                far_writer.transport.abort()
        self._lines.discard(writer)
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(BLOCK):
                await self._open.wait()
                writer.write(block)
                await writer.drain()
        writer.transport.abort()


class Fleet:
    """The hosts in front of the libvirtd that listens at `daemon`, each with so many guests, all off."""

    def __init__(self, directory: Path, daemon: Path, hosts: int, guests: int) -> None:
        self.uris: list[str] = []
        self._gates: list[_Gate] = []
        for number in range(hosts):
            node, path = directory / f"host{number:04d}.xml", directory / f"{number:04d}.sock"
            write_test_node(node, guests, number * guests)
            self.uris.append(f"test+unix://{node}?socket={path}")
            self._gates.append(_Gate(path, daemon))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fleet", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many have been opened so far, to all hosts together."""
        return sum(gate.connections for gate in self._gates)

    def open(self, numbers: Iterable[int]) -> None:
        """Let these hosts be reachable."""
        self._each(self._gates[number].open() for number in numbers)

    def hang(self, numbers: Iterable[int]) -> None:
        """Let these hosts answer nothing more, on connections that stay."""
        self._each(self._gates[number].hang() for number in numbers)

    def close(self, numbers: Iterable[int]) -> None:
        """Let these hosts be gone."""
        self._each(self._gates[number].close() for number in numbers)

    def end(self) -> None:
        """All of them are gone for good."""
        self.close(range(len(self._gates)))
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _each(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        futures = [asyncio.run_coroutine_threadsafe(work, self._loop) for work in works]
        for future in futures:
            future.result(30)


async def _cancel_all() -> None:
    """What waits for a host that hangs."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.1)  # until what was aborted is closed
