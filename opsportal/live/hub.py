"""One LISTEN connection for each web process, fanned out to its open streams: topics and ids, never content.

A stream keeps at most one pending mark for each of its topics, so a slow browser costs no memory. The hub remembers
when each topic was last touched: a page that was drawn a moment before its stream is told of what came between. What
it cannot know (the connection to PostgreSQL was gone, it was not listening yet, it forgot) counts as touched.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog

from opsportal.core.clock import stamp
from opsportal.core.live import CHANNEL

logger = structlog.get_logger(__name__)
RECONNECT_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
MOST_REMEMBERED: Final = 10_000  # topics


class Subscription:
    """What one stream follows, and what of it was touched since it last looked."""

    def __init__(self, topics: list[str]) -> None:
        self.topics = frozenset(topics)
        self._pending: dict[str, int] = {}
        self._woken = asyncio.Event()

    def touch(self, topic: str, row_id: int) -> None:
        self._pending[topic] = row_id
        self._woken.set()

    def touch_all(self) -> None:
        for topic in self.topics:
            self.touch(topic, 0)

    async def wait(self, seconds: float) -> dict[str, int]:
        """What was touched, as soon as there is something; empty when nothing was for that long."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return {}
        self._woken.clear()
        pending, self._pending = self._pending, {}
        return pending


class Hub:
    """The process's listener; it starts with the first stream and listens on: the next page asks what it missed."""

    def __init__(self, parameters: Callable[[], dict[str, Any]]) -> None:
        self._parameters = parameters
        self._by_topic: dict[str, set[Subscription]] = {}
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._touched: dict[str, int] = {}  # topic → ms, the oldest first
        self._knows_from = 0  # ms

    @property
    def count(self) -> int:
        return len(self._subscriptions)

    async def subscribe(self, topics: list[str], *, since: int | None = None) -> Subscription:
        """Follow topics from `since` (ms), else from now on.

        Returns once the listener hears, or after two seconds without a database.
        """
        subscription = Subscription(topics)
        self._subscriptions.add(subscription)
        for topic in subscription.topics:
            self._by_topic.setdefault(topic, set()).add(subscription)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever())
        try:
            async with asyncio.timeout(2):
                await self._listening.wait()
        except TimeoutError:
            logger.warning("live.not_listening")
        if since is not None:
            for topic in subscription.topics:
                if since < max(self._knows_from, self._touched.get(topic, 0)):
                    subscription.touch(topic, 0)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        for topic in subscription.topics:
            followers = self._by_topic.get(topic, set())
            followers.discard(subscription)
            if not followers:
                self._by_topic.pop(topic, None)

    async def _listen_for_ever(self) -> None:
        failures, was_cut = 0, False
        while True:
            try:
                async for notice in self._notices(was_cut=was_cut):
                    failures = 0
                    self._fan_out(notice)
            except (psycopg.Error, OSError) as error:
                logger.warning("live.listen_failed", error=str(error))
            self._listening.clear()
            was_cut = True
            await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])
            failures += 1

    async def _notices(self, *, was_cut: bool) -> Any:
        connection = await psycopg.AsyncConnection.connect(**self._parameters(), autocommit=True)
        try:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._knows_from = stamp()
            self._listening.set()
            if was_cut:
                for subscription in list(self._subscriptions):
                    subscription.touch_all()
            async for notice in connection.notifies():
                yield notice.payload
        finally:
            await connection.close()

    def _fan_out(self, payload: str) -> None:
        try:
            message = json.loads(payload)
            topic, row_id = str(message["t"]), int(message["id"])
        except (ValueError, KeyError, TypeError):
            logger.warning("live.bad_payload", payload=payload[:200])
            return
        self._touched.pop(topic, None)
        self._touched[topic] = stamp()
        if len(self._touched) > MOST_REMEMBERED:
            oldest = next(iter(self._touched))
            self._knows_from = max(self._knows_from, self._touched.pop(oldest))
        for subscription in list(self._by_topic.get(topic, ())):
            subscription.touch(topic, row_id)
