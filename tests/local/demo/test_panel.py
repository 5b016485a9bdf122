"""The demo panel: only in a demo, only through the simulator, and never a fault of its own."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from maintenance.models import ChecklistRun, Job, JobRun, WindowOccurrence
from opsportal.accounts.models import User
from opsportal.local.aws.faults import FAULTS
from opsportal.local.management.commands.demo import NEXT, Command
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona
from tests.factories.maintenance import checklist_template, window
from tests.local.aws.simulator import Simulator, aws_simulator  # noqa: F401

ClientFor = Callable[..., Client]
IN_DEMO = pytest.mark.urls("tests.local.demo.urls")
ROUTES = ("panel", "outbox", "fault-start", "heal", "checklist", "window")
pytestmark = pytest.mark.django_db


@pytest.fixture
def simulator(aws_simulator: Simulator, settings: Settings, tmp_path: Path) -> Iterator[Simulator]:  # noqa: F811
    settings.AWS_ENDPOINT_URL = aws_simulator.url
    settings.OPSPORTAL_HOME = tmp_path
    yield aws_simulator
    aws_simulator.control.heal()


@pytest.fixture
def shop(platform: Platform) -> Platform:
    """The platform under test under a key that faults know."""
    Platform.objects.filter(pk=platform.pk).update(key=FAULTS["error-rate"])
    return Platform.objects.get(pk=platform.pk)


def test_a_portal_that_is_no_demo_has_no_panel(client_for: ClientFor, admin: User) -> None:
    client = client_for(admin)
    for address in ("/demo/", "/demo/outbox/", "/demo/faults/start/"):
        assert client.get(address).status_code == 404
    assert "Demo panel" not in client.get("/").content.decode()


@IN_DEMO
@pytest.mark.parametrize("name", ROUTES)
def test_who_may_see_and_who_may_act(
    client_for: ClientFor, viewer: User, auditor: User, token: TokenPersona, simulator: Simulator, name: str
) -> None:
    url, acts = reverse(f"local:{name}"), name not in ("panel", "outbox")
    for person in (viewer, auditor):
        client = client_for(person)
        assert client.post(url).status_code == (403 if acts else 405)
        assert client.get(url).status_code == (405 if acts else 200)
    assert client_for(token).post(url).status_code in (302, 401, 403, 405)
    assert client_for(None).post(url).status_code in (302, 403, 405)
    assert not simulator.control.state()["active"]


@IN_DEMO
def test_a_fault_begins_and_ends_by_form(
    client_for: ClientFor, operator: User, shop: Platform, simulator: Simulator
) -> None:
    client, panel = client_for(operator), reverse("local:panel")
    assert client.get(panel).content.decode().count("Break: ") == len(FAULTS)
    begun = client.post(reverse("local:fault-start"), {"name": "error-rate", "minutes": "5"})
    assert (begun.status_code, begun["Location"]) == (303, panel)
    assert [row["platform"] for row in simulator.control.state()["active"]] == [shop.key]
    page = client.get(panel).content.decode()
    assert page.count("Break: ") == len(FAULTS) - 1
    assert page.count("until ") == 1
    assert client.post(reverse("local:heal")).status_code == 303
    assert not simulator.control.state()["active"]


@IN_DEMO
@pytest.mark.parametrize("fields", [{}, {"name": "x", "minutes": "5"}, {"name": "latency", "minutes": "0"}])
def test_a_nonsense_fault_changes_nothing(
    client_for: ClientFor, operator: User, simulator: Simulator, fields: dict[str, str]
) -> None:
    answer = client_for(operator).post(reverse("local:fault-start"), fields)
    assert answer.status_code == 422
    assert not simulator.control.state()["active"]


@IN_DEMO
def test_a_fault_of_a_platform_one_does_not_know_is_not_found(
    client_for: ClientFor, operator: User, simulator: Simulator
) -> None:
    answer = client_for(operator).post(reverse("local:fault-start"), {"name": "error-rate", "minutes": "5"})
    assert answer.status_code == 404
    assert not simulator.control.state()["active"]


@IN_DEMO
def test_a_silent_simulator_is_said_and_harms_nothing(
    client_for: ClientFor, operator: User, shop: Platform, settings: Settings
) -> None:
    settings.AWS_ENDPOINT_URL = "http://127.0.0.1:9"
    client = client_for(operator)
    page = client.get(reverse("local:panel"))
    assert page.status_code == 200
    assert "does not answer" in page.content.decode()
    assert client.post(reverse("local:heal")).status_code == 422
    assert client.post(reverse("local:fault-start"), {"name": "error-rate", "minutes": "5"}).status_code == 422


@IN_DEMO
def test_a_list_and_a_window_open_now(
    client_for: ClientFor, operator: User, platform: Platform, simulator: Simulator, at: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    client = client_for(operator)
    for name in ("checklist", "window"):
        assert client.post(reverse(f"local:{name}"), {"platform": "shop"}).status_code == 422  # nothing to open
        assert client.post(reverse(f"local:{name}"), {"platform": "else"}).status_code == 404
    checklist_template(platform, at=at)
    Job.objects.create(platform=platform, key="j", name="J", kind="x", window=window(platform, rule=""))
    planned: list[int] = []
    monkeypatch.setattr(
        "opsportal.local.demo.present.job_run_plan", lambda *, job, **_rest: planned.append(job.platform_id)
    )
    opened = client.post(reverse("local:checklist"), {"platform": "shop"})
    run = ChecklistRun.objects.get()
    assert (opened.status_code, opened["Location"]) == (303, reverse("maintenance:checklist-run", args=[run.pk]))
    held = client.post(reverse("local:window"), {"platform": "shop"})
    occurrence = WindowOccurrence.objects.get()
    assert held["Location"] == reverse("maintenance:window", args=[occurrence.pk])
    assert planned == [platform.pk]
    assert not JobRun.objects.exists()


@IN_DEMO
def test_a_list_that_is_open_is_not_opened_twice(
    client_for: ClientFor, operator: User, platform: Platform, simulator: Simulator, at: datetime
) -> None:
    checklist_template(platform, at=at, key="evening", name="Evening")
    checklist_template(platform, at=at)
    client = client_for(operator)
    for opened in (["Morning"], ["Morning", "Evening"]):
        assert client.post(reverse("local:checklist"), {"platform": "shop"}).status_code == 303
        assert [run.name for run in ChecklistRun.objects.order_by("pk")] == opened
    refused = client.post(reverse("local:checklist"), {"platform": "shop"})
    assert refused.status_code == 422
    assert "Open already: Evening, Morning." in refused.content.decode()
    assert ChecklistRun.objects.count() == 2


@IN_DEMO
def test_the_outbox_shows_what_the_sink_received_latest_first(
    client_for: ClientFor, viewer: User, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "mail").mkdir()
    lines = [
        {"key": str(n), "received_at": f"2026-03-10T09:0{n}:00+00:00", "target": "a@example.com",
         "subject": f"Subject {n} <b>", "body": "Body", "kind": "incident"}
        for n in (1, 2)
    ]  # fmt: skip
    (tmp_path / "mail" / "sink.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = client_for(viewer).get(reverse("local:outbox")).content.decode()
    assert page.index("Subject 2 &lt;b&gt;") < page.index("Subject 1 &lt;b&gt;")


def test_the_command_says_who_approves_a_windows_plan() -> None:
    said = " ".join(Command().create_parser("manage.py", "demo").format_help().split())
    assert "the commander or the admin approves its plan" in said
    assert "its plan waits for the commander or the admin" in NEXT
