"""Probes in a browser: sound in both themes, on a phone and by the keyboard; one is tried, then made (M-MET-15)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect

from monitoring.models import Probe
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.platforms.models import Platform
from tests.e2e.test_pages import _look
from tests.e2e.test_rooms import _by_tab
from tests.factories.probes import DOWN, FINE, NOT_ASKED, answered_for, probe_of

pytestmark = pytest.mark.e2e


def test_probes_are_sound_on_a_desk_on_a_phone_and_by_the_keyboard(
    open_context: Callable[..., BrowserContext], admin: User, platform: Platform
) -> None:
    at = clock.now()
    failing = probe_of(platform, at=at - timedelta(minutes=10))
    answered_for(failing, [FINE, NOT_ASKED, DOWN, DOWN, DOWN], end=at)
    probe_of(platform, at=at, key="new")
    page = open_context(admin).new_page()
    faults: list[str] = []
    for path in ("/monitoring/probes/", f"/monitoring/probes/{failing.pk}/", f"/monitoring/probes/{failing.pk}/edit/"):
        page.emulate_media(color_scheme="light")
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        faults += [f"{path}: {fault}" for fault in _by_tab(page)]
        faults += _look(page, path)
    assert not faults, "\n".join(faults)


def test_a_probe_is_tried_and_made(
    open_context: Callable[..., BrowserContext], admin: User, platform: Platform
) -> None:
    page = open_context(admin).new_page()
    page.goto(f"/monitoring/probes/new/{platform.key}/")
    page.get_by_label("Name").fill("Shop front")
    page.get_by_label("Key", exact=True).fill("front")
    page.get_by_label("Address").fill("http://127.0.0.1:9/health")
    page.get_by_role("button", name="Try it now").click()
    expect(page.get_by_role("status").filter(has_text="It could not be asked")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Shop front")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1, name="Shop front")).to_be_visible()
    assert Probe.objects.get().address == "http://127.0.0.1:9/health"
