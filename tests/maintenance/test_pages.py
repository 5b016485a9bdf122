"""The pages of this room, with and without htmx."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from maintenance.models import ChecklistItem, HandOver, ItemState, OperationsLogEntry
from maintenance.services.checklists import checklist_run_open
from maintenance.services.windows import window_now
from monitoring.models import EvidenceResult
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.maintenance import PORTAL, checklist_run, window

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize(
    "name", ["maintenance:checklists", "maintenance:operations-log", "maintenance:calendar", "plans:plans"]
)
def test_lists_say_what_would_be_here_when_empty(client_for: ClientFor, viewer: User, name: str) -> None:
    answer = client_for(viewer).get(reverse(name))
    assert answer.status_code == 200
    assert 'class="void"' in answer.content.decode()


def test_a_tick_without_script_returns_to_the_item(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    answer = client_for(operator).post(reverse("maintenance:item-tick", args=[item.pk]), {"version": 1})
    assert answer.status_code == 303
    assert answer["Location"].endswith(f"#checklist-item-{item.pk}")
    item.refresh_from_db()
    assert item.state == ItemState.DONE


def test_a_second_tick_answers_409_with_name_and_list(
    client_for: ClientFor, operator: User, commander: User, platform: Platform, at: datetime
) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    url = reverse("maintenance:item-tick", args=[item.pk])
    client_for(operator).post(url, {"version": 1})
    answer = client_for(commander).post(url, {"version": 1}, headers=HTMX)
    assert answer.status_code == 409
    assert f"{operator.name} was first" in answer.content.decode()


def test_a_viewer_sees_no_boxes_and_cannot_tick(
    client_for: ClientFor, viewer: User, platform: Platform, at: datetime
) -> None:
    run = checklist_run(platform, at=at)
    item = run.items.get(position=1)
    client = client_for(viewer)
    page = client.get(reverse("maintenance:checklist-run", args=[run.pk])).content.decode()
    assert reverse("maintenance:item-tick", args=[item.pk]) not in page
    assert client.post(reverse("maintenance:item-tick", args=[item.pk]), {"version": 1}).status_code == 403
    item.refresh_from_db()
    assert item.version == 1


def test_a_stranger_finds_nothing(client_for: ClientFor, stranger: User, platform: Platform, at: datetime) -> None:
    run = checklist_run(platform, at=at)
    client = client_for(stranger)
    assert client.get(reverse("maintenance:checklist-run", args=[run.pk])).status_code == 404
    tick = reverse("maintenance:item-tick", args=[run.items.get(position=1).pk])
    assert client.post(tick, {"version": 1}).status_code == 404
    assert not ChecklistItem.objects.filter(run=run, state=ItemState.DONE).exists()


@pytest.mark.parametrize("version", ["", "x", "-1", "9223372036854775808", "1\x00"])
def test_a_bad_version_is_refused_with_a_sentence(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime, version: str
) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    answer = client_for(operator).post(reverse("maintenance:item-tick", args=[item.pk]), {"version": version})
    assert answer.status_code in (400, 422)
    item.refresh_from_db()
    assert item.state == ItemState.OPEN


def test_the_selected_item_shows_what_was_asked(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    run = checklist_run(platform, at=at)
    item = run.items.get(position=2)
    url = reverse("maintenance:checklist-run", args=[run.pk])
    page = client_for(operator).get(url, {"item": item.pk}).content.decode()
    assert "No check belongs to this item" in page


def test_log_lines_beside_an_item_are_for_those_who_may_read_logs(
    client_for: ClientFor, operator: User, viewer: User, platform: Platform, at: datetime
) -> None:
    run = checklist_run(platform, at=at)
    got = {"lines": [["2026-03-10 08:59:00", "ERROR 500 of [mail]"]]}
    kept = EvidenceResult.objects.create(
        platform=platform, check_name="logs.errors", verdict="warn", summary="1 error line in 30 min", fetched_at=at,
        created_at=at, digest="0" * 64, got=got,
    )  # fmt: skip
    item = run.items.get(position=1)
    ChecklistItem.objects.filter(pk=item.pk).update(evidence=kept)
    url = f"{reverse('maintenance:checklist-run', args=[run.pk])}?item={item.pk}"
    for person, reads in ((operator, True), (viewer, False)):
        for part in ("", "&part=beside"):
            page = client_for(person).get(f"{url}{part}").content.decode()
            assert ("ERROR 500 of [mail]" in page) == reads
            assert ("The lines are shown to operators and commanders." in page) != reads


def test_a_run_says_its_rule_in_words_and_earlier_days_in_the_readers_zone(
    client_for: ClientFor, operator: User, platform: Platform
) -> None:
    late = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
    past = checklist_run(platform, at=late)
    run = checklist_run_open(by=PORTAL, at=late, template=past.template, slot_at=late + timedelta(days=1))
    operator.zone = "Asia/Tokyo"
    operator.save(update_fields=["zone"])
    client = client_for(operator)
    first, second = (
        client.get(reverse("maintenance:checklist-run", args=[one.pk])).content.decode() for one in (past, run)
    )
    assert "At 09:00 every day, Europe/Berlin" in first
    assert "0 9 * * *" not in first
    assert "This is its first time." in first
    link = second.split(f'href="{reverse("maintenance:checklist-run", args=[past.pk])}"')[1].split("</a>")[0]
    assert "11\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026" in link.split(">", 1)[1]


def test_a_signed_hand_over_reaches_the_log(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    run = checklist_run(platform, at=at)
    answer = client_for(operator).post(
        reverse("maintenance:hand-over", args=[run.pk]), {"version": 0, "body": "Watch the batch.", "sign": "1"}
    )
    assert answer.status_code == 303
    assert HandOver.objects.get(run=run).signed_at is not None
    assert OperationsLogEntry.objects.filter(text="Handed over after Morning.").exists()


def test_a_double_click_on_sign_makes_one_note(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    run, client = checklist_run(platform, at=at), client_for(operator)
    url = reverse("maintenance:hand-over", args=[run.pk])
    answers = [client.post(url, {"version": 0, "body": "All quiet.", "sign": "1"}).status_code for _ in range(2)]
    assert answers == [303, 409]
    assert HandOver.objects.filter(run=run).count() == 1


def test_unticking_with_an_old_version_is_a_409(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    item, client = checklist_run(platform, at=at).items.get(position=1), client_for(operator)
    client.post(reverse("maintenance:item-tick", args=[item.pk]), {"version": 1})
    untick = reverse("maintenance:item-untick", args=[item.pk])
    assert client.post(untick, {"version": 1, "reason": "wrong box"}).status_code == 409
    item.refresh_from_db()
    assert item.state == ItemState.DONE


def test_a_log_line_is_stored_clean_or_refused(
    client_for: ClientFor, operator: User, platform: Platform, bad_text: str
) -> None:
    body = urlencode({"platform": platform.pk, "text": bad_text}, errors="surrogatepass")
    url = reverse("maintenance:operations-log-add")
    answer = client_for(operator).post(url, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (303, 400, 413, 422)
    stored = OperationsLogEntry.objects.filter(platform=platform).values_list("text", flat=True)
    assert not any("\x00" in text for text in stored)


@pytest.mark.parametrize("script", [True, False])
def test_a_note_that_is_too_long_stays_in_its_field_and_says_so(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime, *, script: bool
) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    url, note = reverse("maintenance:item-note", args=[item.pk]), "disk " * 500
    answer = client_for(operator).post(url, {"version": 1, "note": note}, headers=HTMX if script else {})
    page = answer.content.decode()
    assert answer.status_code == 422
    field = re.search(r"<textarea[^>]*name=\"note\"[^>]*>([^<]*)", page)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert field[1].strip() == note.strip()
    assert "at most 2000 characters" in page
    assert "A reason" not in page


def test_a_refused_reason_and_hand_over_are_marked_where_they_are_wrong(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    run, client = checklist_run(platform, at=at), client_for(operator)
    item = run.items.get(position=1)
    for route, pk, field in (("item-set-aside", item.pk, "reason"), ("hand-over", run.pk, "body")):
        page = client.post(reverse(f"maintenance:{route}", args=[pk]), {"version": 1, field: ""}).content.decode()
        assert re.search(rf'<(input|textarea)[^>]*name="{field}"[^>]*aria-invalid="true"', page), route


@pytest.mark.parametrize("month", ["2026-13", "x", "0000-01", "99999-01"])
def test_a_nonsense_month_is_a_400(client_for: ClientFor, viewer: User, month: str) -> None:
    assert client_for(viewer).get(reverse("maintenance:calendar"), {"month": month}).status_code == 400


def test_the_calendar_shows_the_window_of_the_month(
    client_for: ClientFor, viewer: User, platform: Platform, at: datetime
) -> None:
    occurrence = window_now(by=PORTAL, at=at, window=window(platform, rule=""))
    page = client_for(viewer).get(reverse("maintenance:calendar"), {"month": "2026-03"}).content.decode()
    assert reverse("maintenance:window", args=[occurrence.pk]) in page


def test_the_calendar_places_a_window_on_the_readers_own_day(
    client_for: ClientFor, viewer: User, platform: Platform
) -> None:
    late = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
    occurrence = window_now(by=PORTAL, at=late, window=window(platform, rule=""))
    days = {}
    for zone in ("UTC", "Asia/Tokyo"):
        viewer.zone = zone
        viewer.save(update_fields=["zone"])
        page = client_for(viewer).get(reverse("maintenance:calendar"), {"month": "2026-03"}).content.decode()
        found = re.search(
            rf'class="e [^"]*c(\d) [^>]*{reverse("maintenance:window", args=[occurrence.pk])}.*?>(\d\d:\d\d)<', page
        )
        assert found
        days[zone] = found.groups()
    # 10 March 2026 is a Tuesday; in Tokyo it is Wednesday morning by then.
    assert days == {"UTC": ("2", "22:30"), "Asia/Tokyo": ("3", "07:30")}
