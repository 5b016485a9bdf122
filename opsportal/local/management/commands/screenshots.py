"""`manage.py screenshots`: the main pages of the running demo into docs/screenshots, in light, dark and on a phone."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count
from django.test import Client
from django.urls import reverse

from incidents.models import Incident, Review
from maintenance.models import ChecklistRun
from monitoring.models import Slo
from opsportal.accounts.models import User
from opsportal.local.browser import VARIABLE, find_chromium
from opsportal.local.demo.people import PEOPLE
from opsportal.local.environment import CHECKOUT
from opsportal.platforms.models import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
}
FIXED: Final = (
    ("today", "dashboard:today"),
    ("incidents", "incidents:list"),
    ("declare", "incidents:declare"),
    ("monitoring", "monitoring:overview"),
    ("alarms", "monitoring:alarms"),
    ("capacity", "monitoring:capacity"),
    ("cost", "monitoring:cost"),
    ("slos", "monitoring:slos"),
    ("report", "reports:slo"),
    ("standing", "reports:standing"),
    ("calendar", "maintenance:calendar"),
    ("decisions", "knowledge:decision-list"),
    ("health", "health:detail"),
)
SETTLE_MS: Final = 1500  # charts and lazy parts


def pages() -> Iterator[tuple[str, str]]:
    """Name and address of each page worth a picture, records with something to see among them."""
    for name, route in FIXED:
        yield name, reverse(route)
    told = Incident.objects.annotate(lines=Count("entries")).order_by("-lines", "-number").first()
    if told is not None:
        yield "incident", told.url
    review = Review.objects.select_related("incident").order_by("-incident__number").first()
    if review is not None:
        yield "review", review.url
    run = ChecklistRun.objects.filter(state="open").order_by("due_at", "pk").first()
    if run is not None:
        yield "checklist", reverse("maintenance:checklist-run", args=[run.pk])
    service = Service.objects.filter(platform__key="shop-management").order_by("pk").first()
    if service is not None:
        yield "service", reverse("monitoring:service", args=[service.pk])
    slo = Slo.objects.filter(platform__key="shop-management").order_by("pk").first()
    if slo is not None:
        yield "slo", reverse("monitoring:slo", args=[slo.pk])


class Command(BaseCommand):
    help = "Take pictures of the running demo's main pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, default=CHECKOUT / "docs" / "screenshots")
        parser.add_argument("names", nargs="*", help="only these pages")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This stack is no demo: pictures would show real people.")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError as error:
            raise CommandError("Playwright is missing: `python3 manage.py test` installs it.") from error
        chromium = find_chromium(os.environ)
        if chromium is None:
            raise CommandError(f"There is no chromium: install one, or name it in {VARIABLE}.")
        wanted = [(name, url) for name, url in pages() if not options["names"] or name in options["names"]]
        session = self._session()
        options["folder"].mkdir(parents=True, exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for view in VIEWS:
                self._take(browser, view, wanted, session, options["folder"])
            browser.close()
        self.stdout.write(f"{len(wanted) * len(VIEWS)} pictures in {options['folder']}")

    @staticmethod
    def _session() -> str:
        """A session of the demo's admin, who sees every kind of page."""
        email = next(person.email for person in PEOPLE if person.role == "admin")
        client = Client()
        client.force_login(User.objects.get(email=email), backend=settings.AUTHENTICATION_BACKENDS[-1])
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    @staticmethod
    def _take(browser: "Browser", view: str, wanted: list[tuple[str, str]], session: str, folder: Path) -> None:
        context = browser.new_context(base_url=settings.PUBLIC_URL, reduced_motion="reduce", **VIEWS[view])
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": settings.PUBLIC_URL}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        for name, url in wanted:
            page.goto(url, wait_until="load")
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=folder / f"{name}-{view}.png")
        context.close()
