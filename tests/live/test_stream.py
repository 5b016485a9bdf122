"""The event stream: one cookie, the topics one may follow, ids only, and it heals by itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client

from opsportal.accounts.models import User
from opsportal.core.clock import real_now, stamp
from opsportal.core.live import touch
from opsportal.live import stream
from opsportal.live.topics import allowed_topics
from opsportal.plans.models import Plan
from opsportal.platforms.models import Platform
from opsportal.schedule.dispatching import listen_parameters

pytestmark = pytest.mark.django_db(transaction=True)
ClientFor = Callable[..., Client]


class Browser:
    """The other end of one stream."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._left = asyncio.Event()
        self.has_ended = False
        self.answered = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.answered.set()
        else:
            self.has_ended = not message["more_body"]
            await self._chunks.put(message["body"])

    def leave(self) -> None:
        self._left.set()

    async def events(self, count: int, seconds: float = 4) -> list[dict[str, Any]]:
        """The next `count` events."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(seconds):
            while len(found) < count:
                text = (await self._chunks.get()).decode()
                found += [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        return found

    async def known(self, seconds: float = 4) -> int:
        """The next moment up to which the stream says that it has told everything."""
        async with asyncio.timeout(seconds):
            while True:
                ids = re.findall(r"^id: (\d+)$", (await self._chunks.get()).decode(), re.MULTILINE)
                if ids:
                    return int(ids[-1])

    async def silence(self, seconds: float = 0.6) -> bool:
        """Whether nothing but comments comes for that long."""
        try:
            await self.events(1, seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def opened(
    client: Client, *topics: str, method: str = "GET", since: int | None = None, **headers: str
) -> AsyncIterator[Browser]:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    given = {"host": "127.0.0.1", "cookie": cookies} | headers
    asked = {"topics": ",".join(topics)} | ({} if since is None else {"since": str(since)})
    scope: Any = {
        "type": "http",
        "method": method,
        "path": "/events/",
        "query_string": urlencode(asked).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    browser = Browser()
    task = asyncio.create_task(stream.event_stream(scope, browser.receive, browser.send))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(5):
            await browser.answered.wait()
        yield browser
    finally:
        browser.leave()
        async with asyncio.timeout(5):
            await task


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


async def touched(topic: str, row_id: int = 1, *, commits: bool = True) -> None:
    def work() -> None:
        with transaction.atomic():
            touch(topic, row_id)
            transaction.set_rollback(not commits)
        connection.close()

    await asyncio.to_thread(work)


def test_a_committed_change_reaches_those_who_follow_it_and_nobody_else(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)
    mine = f"notices:{operator.pk}"

    async def work() -> None:
        async with opened(client, "today") as today, opened(client, mine) as notices:
            assert (today.status, today.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            await touched("today", 5, commits=False)
            await touched(mine, 7)
            assert await notices.events(1) == [{"t": mine, "id": 7}]
            assert await today.silence()

    run(work)


@pytest.mark.parametrize("persona, status", [("anonymous", 401), ("stranger", 200)])
def test_a_stranger_to_the_portal_is_refused(
    persona: str, status: int, client_for: ClientFor, request: pytest.FixtureRequest
) -> None:
    client = client_for(request.getfixturevalue(persona))

    async def work() -> None:
        async with opened(client, "today") as browser:
            assert browser.status == status

    run(work)


def test_a_person_signed_out_is_refused(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)
    User.objects.filter(pk=operator.pk).update(is_active=False)

    async def work() -> None:
        async with opened(client, "today") as browser:
            assert browser.status == 401

    run(work)


@pytest.fixture
def plan(platform: Platform, operator: User) -> Plan:
    return Plan.objects.create(
        platform=platform, kind="test", title="t", effect="e", content_hash="0" * 64,
        requested_by=operator, requested_at=real_now(), expires_at=real_now(),
    )  # fmt: skip


def test_only_what_one_may_see_can_be_followed(
    plan: Plan, operator: User, stranger: User, actor_for: Callable[..., Any]
) -> None:
    asked = [
        "today",
        f"plan:{plan.pk}",
        f"notices:{operator.pk}",
        "plan:x",
        "plan:-1",
        "plan:",
        "x:1",
        f"plan:{2**70}",
        "",
    ]
    assert allowed_topics(actor_for(operator), asked) == ["today", f"plan:{plan.pk}", f"notices:{operator.pk}"]
    assert allowed_topics(actor_for(stranger), asked) == ["today"]
    assert allowed_topics(actor_for(stranger), [f"plan:{plan.pk}"]) == []


def test_topics_that_may_not_be_followed_are_404(plan: Plan, stranger: User, client_for: ClientFor) -> None:
    client = client_for(stranger)

    async def work() -> None:
        async with opened(client, f"plan:{plan.pk}") as browser:
            assert browser.status == 404

    run(work)


def test_another_host_or_method_is_refused(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)

    async def work() -> None:
        async with opened(client, "today", host="evil.example") as browser:
            assert browser.status == 400
        async with opened(client, "today", method="POST") as browser:
            assert browser.status == 405

    run(work)


async def awaited(topic: str) -> None:
    """Touch the topic and wait until the hub has heard it."""
    hub = stream._hub()
    beside = await hub.subscribe([topic])
    await touched(topic)
    assert topic in await beside.wait(5)
    hub.unsubscribe(beside)


def test_a_stream_begins_with_what_its_page_cannot_know(operator: User, client_for: ClientFor) -> None:
    client, mine = client_for(operator), f"notices:{operator.pk}"

    async def work() -> None:
        async with opened(client, "today"):
            await awaited("today")
            drawn = stamp()
            await asyncio.sleep(0.01)
            await awaited(mine)
        # Nobody listens meanwhile: the next page of the same tab, the other topic.
        async with opened(client, "today", mine, since=drawn) as browser:
            assert await browser.events(1) == [{"t": mine, "id": 0}]
            assert await browser.silence()
        async with opened(client, "today", mine, since=stamp()) as browser:
            assert await browser.silence()

    run(work)


def test_what_the_hub_cannot_know_counts_as_touched(operator: User, client_for: ClientFor) -> None:
    client, mine = client_for(operator), f"notices:{operator.pk}"

    async def work() -> None:
        early = stamp() - 1  # before it listened
        async with opened(client, "today", mine, since=early) as browser:
            assert await browser.events(2) == [{"t": mine, "id": 0}, {"t": "today", "id": 0}]

    run(work)


def test_a_quiet_stream_says_how_far_it_has_told_all(
    operator: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(operator)
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.05)

    async def work() -> None:
        async with opened(client, "today") as browser:
            first, later = [await browser.known() for _ in range(2)]
            assert 0 < first < later
            await awaited("today")
        # A browser comes back with the last id it was given; that counts, not the page's own moment.
        async with opened(client, "today", since=stamp(), **{"last-event-id": str(later)}) as browser:
            assert await browser.events(1) == [{"t": "today", "id": 0}]

    run(work)


@pytest.mark.parametrize("text", ["", "soon", "-1", "9" * 40, "\u0661"])
def test_a_moment_that_is_none_is_left_out(text: str) -> None:
    assert stream._since(text) is None


def test_a_burst_becomes_one_event_for_each_topic(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)

    async def work() -> None:
        async with opened(client, "today") as browser:
            hub = stream._hub()
            for n in range(10_000):
                hub._fan_out(json.dumps({"t": "today", "id": n}))
            assert await browser.events(1) == [{"t": "today", "id": 9_999}]
            assert await browser.silence()

    run(work)


def test_the_hub_heals_and_then_refreshes_all(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)

    async def work() -> None:
        async with opened(client, "today") as browser:
            await asyncio.to_thread(end_listeners)
            assert await browser.events(1) == [{"t": "today", "id": 0}]
            await touched("today", 3)
            assert await browser.events(1) == [{"t": "today", "id": 0}]

    run(work)


def end_listeners() -> None:
    with psycopg.connect(**listen_parameters() | {"application_name": "test"}, autocommit=True) as same_role:
        same_role.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'opsportal-listen'"
        )


def test_a_stream_ends_by_itself_so_that_rights_are_read_again(
    operator: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(operator)
    monkeypatch.setattr(stream, "LIFE_SECONDS", (0.2, 0.3))
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.1)

    async def work() -> None:
        async with opened(client, "today") as browser:
            await asyncio.sleep(0.8)
            assert browser.has_ended

    run(work)


def test_too_many_streams_of_one_person_are_refused(
    operator: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_for(operator)
    monkeypatch.setattr(stream, "MAX_STREAMS_PER_PERSON", 1)

    async def work() -> None:
        async with opened(client, "today"), opened(client, "today") as second:
            assert second.status == 429
        async with opened(client, "today") as third:
            assert third.status == 200
        assert stream._hub().count == 0

    run(work)


def test_eight_streams_share_one_listening_connection(operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)

    async def work() -> None:
        streams = [opened(client, "today") for _ in range(8)]
        browsers = [await item.__aenter__() for item in streams]
        assert await asyncio.to_thread(count_listeners) == 1
        await touched("today", 2)
        for browser in browsers:
            assert await browser.events(1) == [{"t": "today", "id": 0}]
        for item in streams:
            await item.__aexit__(None, None, None)

    run(work)


def count_listeners() -> int:
    with psycopg.connect(**listen_parameters() | {"application_name": "test"}, autocommit=True) as same_role:
        row = same_role.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'opsportal-listen'"
        ).fetchone()
    assert row is not None
    return int(row[0])
