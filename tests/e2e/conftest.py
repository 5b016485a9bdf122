"""A real browser against the portal on this worker's test database."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from opsportal.accounts.models import User
from opsportal.local.browser import VARIABLE, find_chromium

WAIT_MS = 20_000  # a loaded machine is slow, not wrong
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a file: while it is open its event loop occupies this thread, and other tests want their own."""
    path = find_chromium(os.environ)
    assert path, f"There is no chromium: install one or name it in {VARIABLE}, or leave these out by -m 'not e2e'."
    # Playwright keeps an event loop in this thread; our own calls between the clicks are plain and synchronous.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=WAIT_MS)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> Iterator[str]:
    """The address of the portal, served from a thread of this process."""
    from opsportal.asgi import application

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(application, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    portal = uvicorn.Server(config)
    thread = threading.Thread(target=portal.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not portal.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    portal.should_exit = True
    thread.join(timeout=5)
    listener.close()


@pytest.fixture
def open_context(
    transactional_db: None, browser: Browser, server: str, client_for: Callable[..., Client]
) -> Iterator[Callable[..., BrowserContext]]:
    """`open_context(user, **options)`: a browser of its own, signed in as `user` (None: nobody)."""
    contexts: list[BrowserContext] = []

    def make(user: User | None, **options: Any) -> BrowserContext:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(base_url=server, reduced_motion="reduce", **options)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        if user is not None:
            cookies = client_for(user).cookies
            context.add_cookies(
                [{"name": name, "value": morsel.value, "url": server} for name, morsel in cookies.items()]
            )
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(open_context: Callable[..., BrowserContext]) -> Iterator[Open]:
    """`open_page(user, "/path/", **options)`: that page; a script error on it fails the test."""
    errors: list[str] = []

    def make(user: User | None, path: str, **options: Any) -> Page:
        page = open_context(user, **options).new_page()
        page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    yield make
    assert not errors
