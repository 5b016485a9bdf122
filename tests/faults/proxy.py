"""`python -m tests.faults.proxy LISTEN TARGET MODE_FILE`: a link that can be broken.

LISTEN and TARGET are a port or the path of a Unix socket. The file holds one word: pass, refuse, hole (taken, never
answered), delay (each chunk three seconds late) or reset. What is open when the mode changes is cut, except by a hole,
which keeps it silently.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from pathlib import Path

DELAY_SECONDS = 3.0
LOOK_SECONDS = 0.05
CHUNK = 65536
NO_LINGER = struct.pack("ii", 1, 0)


class Proxy:
    """One link."""

    def __init__(self, listen: str, target: str, mode_file: Path) -> None:
        self.listen, self.target, self.mode_file = listen, target, mode_file
        self.mode = "pass"
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()

    async def run(self) -> None:
        """Follow the file for ever."""
        await self._listen()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError):
                wanted = self.mode_file.read_text().strip()
                if wanted and wanted != self.mode:
                    await self._change(wanted)

    async def _change(self, mode: str) -> None:
        self.mode = mode
        if mode != "hole":
            self._cut()
        if mode == "refuse" and self.server is not None:
            self.server.close()
            self.server = None
            self._remove_socket()
        elif mode != "refuse" and self.server is None:
            await self._listen()

    async def _listen(self) -> None:
        if self.listen.isdecimal():
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", int(self.listen))
        else:
            self._remove_socket()
            self.server = await asyncio.start_unix_server(self._serve, self.listen)

    def _remove_socket(self) -> None:
        if not self.listen.isdecimal():
            Path(self.listen).unlink(missing_ok=True)

    def _cut(self) -> None:
        for writer in list(self.open):
            self._reset(writer)

    @staticmethod
    def _reset(writer: asyncio.StreamWriter) -> None:
        plain = writer.get_extra_info("socket")
        if plain is not None and plain.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "reset":
            self._reset(writer)
            return
        try:
            if self.target.isdecimal():
                there, back = await asyncio.open_connection("127.0.0.1", int(self.target))
            else:
                there, back = await asyncio.open_unix_connection(self.target)
        except OSError:
            self._reset(writer)
            return
        self.open |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self.open -= {writer, back}
            for side in (writer, back):
                side.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK):
                while self.mode == "hole":  # noqa: ASYNC110 - the mode comes from a file
                    await asyncio.sleep(LOOK_SECONDS)
                if self.mode == "delay":
                    await asyncio.sleep(DELAY_SECONDS)
                sink.write(chunk)
                await sink.drain()
        sink.transport.abort()


if __name__ == "__main__":
    asyncio.run(Proxy(sys.argv[1], sys.argv[2], Path(sys.argv[3])).run())
