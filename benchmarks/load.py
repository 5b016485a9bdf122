"""A small HTTP client that asks the same thing over and over, and says how long each answer took."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Request = Callable[[], bytes]


@dataclass(frozen=True)
class Sample:
    """One measured stretch."""

    per_second: float
    p95_ms: float
    median_ms: float
    size: int
    statuses: frozenset[int]


def request(method: str, path: str, cookies: str, body: str = "", headers: str = "") -> bytes:
    """The bytes of a request on a connection that stays open; `headers` are whole lines, each with its CRLF."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n{headers}"
    if body:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        elif line == b"transfer-encoding: chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                length += size
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
            return status, length
    await reader.readexactly(length)
    return status, length


async def _measure(port: int, make: Request, connections: int, seconds: float, pause: float) -> Sample:
    times: list[float] = []
    statuses: set[int] = set()
    sizes: list[int] = []
    ends = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(pause * random.random())  # people do not begin together
        while time.perf_counter() < ends:
            begun = time.perf_counter()
            writer.write(make())
            status, size = await _answer(reader)
            times.append(time.perf_counter() - begun)
            statuses.add(status)
            sizes.append(size)
            await asyncio.sleep(pause * (0.5 + random.random()))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    passed = time.perf_counter() - begun
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return Sample(len(times) / passed, p95 * 1000, median(times) * 1000, int(median(sizes)), frozenset(statuses))


def measure(port: int, make: Request, *, connections: int = 1, seconds: float = 2.0, pause: float = 0.0) -> Sample:
    """Ask over `connections` at once for `seconds`; each thinks for about `pause` seconds between two requests."""
    return asyncio.run(_measure(port, make, connections, seconds, pause))
