"""The report of a period: what it says, how it is published and verified, commented on and mailed."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from monitoring.counting import recount_slos
from monitoring.models import Annotation, AnnotationKind, Deployment, EvidenceResult, Slo, SloBucket
from monitoring.selectors.slo_report import slo_rows
from monitoring.services.exclusions import exclusion_put
from monitoring.slo.periods import parse
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.notifications.models import Notice, OutboxMessage
from opsportal.notifications.transports import mail_headers
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform
from opsportal.reports.models import Commentary, PublishedReport, ReportSubscription
from opsportal.reports.period.mail import due_period, reports_mail, subscription_of, token_of
from opsportal.reports.period.services import subscription_put
from opsportal.reports.period.views import FIRST
from tests.factories.incidents import SYSTEM, declare
from tests.factories.monitoring import BY, series_named, slo_of, write

ClientFor = Callable[..., Client]


def month_key() -> str:
    return f"{now():%Y-%m}"


@pytest.fixture
def slo(platform: Platform) -> Slo:
    """1,200 requests of the last hour, 6 of them failed."""
    at = floor_to(now(), 300)
    slo = slo_of(platform, at=at, objective=99.0)
    write(series_named("RequestCount"), [100.0] * 12, end=at, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [6.0] + [None] * 11, end=at, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None] * 12, end=at, period=300, column="sum")
    return slo


def at_report(platform: Platform, name: str = "period", query: str = "") -> str:
    return reverse(f"reports:{name}", args=[platform.key]) + f"?period={month_key()}{query}"


def publish(client: Client, platform: Platform) -> PublishedReport:
    answer = client.post(at_report(platform, "period-publish"))
    assert answer.status_code == 303, answer.content[:300]
    return PublishedReport.objects.latest("pk")


@pytest.mark.django_db
def test_every_figure_of_the_report_opens_its_rows(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    declare(platform, by=SYSTEM, at=now() - timedelta(minutes=30))
    client = client_for(manager)
    page = client.get(at_report(platform)).content.decode()
    assert "99.500" in page.replace("\xa0", " ")
    body = json.loads(client.get(at_report(platform, "period-json")).content)
    row = body["objectives"][0]
    assert (row["good"], row["total"], row["adjusted"]) == (1194, 1200, 0.995)
    assert body["incidents"]["count"] == 1
    links = {part.split('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:]}
    rows = [one for one in links if "/buckets/" in one or "/rows/" in one or ("period=" in one and "Z.." in one)]
    assert len(rows) > 10
    for one in sorted(rows)[:40]:
        assert client.get(one).status_code == 200, one


@pytest.mark.django_db
def test_nothing_known_is_said_so(platform: Platform, manager: User, client_for: ClientFor) -> None:
    slo_of(platform, at=now())
    page = client_for(manager).get(at_report(platform)).content.decode()
    assert "no data" in page
    assert "Nothing is known of this time" in page
    body = json.loads(client_for(manager).get(at_report(platform, "period-json")).content)
    assert body["objectives"][0]["adjusted"] is None
    assert {line["is_met"] for line in body["scorecard"]} == {None}


@pytest.mark.django_db
def test_a_published_report_stays_what_it_was(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    client = client_for(manager)
    edition = publish(client, platform)
    assert hashlib.sha256(edition.body.encode()).hexdigest() == edition.sha256
    call_command("report", "verify", str(edition.pk))
    write(series_named("HTTPCode_Target_5XX_Count"), [50.0], end=floor_to(now(), 300) - timedelta(minutes=20),
          period=300, column="sum")  # fmt: skip
    page = client.get(edition.get_absolute_url()).content.decode()
    assert edition.sha256 in page
    assert "1,194" in page
    assert client.get(reverse("reports:published-json", args=[edition.pk])).content.decode() == edition.body
    with pytest.raises(CommandError, match="figures differ") as told:
        call_command("report", "verify", str(edition.pk))
    assert told.value.returncode == 2


@pytest.mark.django_db
def test_what_happens_after_an_edition_changes_none_of_its_figures(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    edition = publish(client_for(manager), platform)
    after = floor_to(edition.as_of, 300) + timedelta(minutes=5)
    write(series_named("RequestCount"), [700.0], end=after, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [300.0], end=after, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None], end=after, period=300, column="sum")
    call_command("report", "verify", str(edition.pk))


@pytest.mark.django_db
def test_the_database_refuses_to_change_an_edition(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    edition = publish(client_for(manager), platform)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        PublishedReport.objects.filter(pk=edition.pk).update(body="{}")
    edition.refresh_from_db()
    assert hashlib.sha256(edition.body.encode()).hexdigest() == edition.sha256


@pytest.mark.django_db
def test_the_same_report_is_the_same_edition(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    client = client_for(manager)
    rolling = reverse("reports:period-publish", args=[platform.key]) + "?period=30d"
    assert client.post(rolling).status_code == 400
    day = zone_of(platform.pk)
    week = parse((now() - timedelta(days=7)).astimezone(day).strftime("%G-w%V"), now(), day)
    address = reverse("reports:period-publish", args=[platform.key]) + f"?period={week.key}"
    assert client.post(address).headers["Location"] == client.post(address).headers["Location"]
    assert PublishedReport.objects.count() == 1


@pytest.mark.django_db
def test_a_commentary_has_versions_and_loses_none(
    slo: Slo, platform: Platform, manager: User, admin: User, client_for: ClientFor
) -> None:
    client = client_for(manager)
    address = at_report(platform, "period-commentary")
    assert client.post(address, {"number": "0", "text": "A calm month."}).status_code == 303
    lost = client_for(admin).post(address, {"number": "0", "text": "A wild month."})
    assert lost.status_code == 409
    assert "A wild month." in lost.content.decode()
    assert client_for(admin).post(address, {"number": "1", "text": "Calm but for one hour."}).status_code == 303
    assert list(Commentary.objects.order_by("number").values_list("number", "text")) == [
        (1, "A calm month."), (2, "Calm but for one hour."),
    ]  # fmt: skip
    assert "Calm but for one hour." in json.loads(publish(client, platform).body)["commentary"]["text"]


@pytest.mark.django_db
def test_a_viewer_reads_but_neither_writes_nor_publishes(
    slo: Slo, platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    assert client.get(at_report(platform)).status_code == 200
    assert client.post(at_report(platform, "period-publish")).status_code == 403
    assert client.post(at_report(platform, "period-commentary"), {"number": "0", "text": "x"}).status_code == 403
    assert not PublishedReport.objects.exists()
    assert not Commentary.objects.exists()


@pytest.mark.django_db
def test_standing_groups_what_is_promised(slo: Slo, platform: Platform, viewer: User, client_for: ClientFor) -> None:
    slo_of(platform, at=now(), key="dark", name="Dark", indicator=slo.versions.get().indicator | {
        "total": [{"namespace": "X", "metric": "Dark", "dimensions": {"a": "b"}}]})  # fmt: skip
    assert "2 no data" in client_for(viewer).get(reverse("reports:standing")).content.decode()  # an hour of a month
    SloBucket.objects.filter(slo=slo).update(covered=30 * 288)
    page = client_for(viewer).get(reverse("reports:standing")).content.decode()
    assert "1 no data" in page
    assert page.index(">No data<") < page.index("Dark") < page.index(">Healthy<")


@pytest.mark.django_db
def test_a_report_is_mailed_once_and_ends_by_one_click(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DEMO", True)
    at = now()
    row = subscription_put(by=BY, at=at - timedelta(days=2), platform=platform, user=manager, cadence="daily")
    assert reports_mail(at=at) == 1
    assert reports_mail(at=at) == 0
    mail = OutboxMessage.objects.get(kind="reports.period")
    assert "Availability" in mail.body
    assert Notice.objects.filter(user=manager, kind="reports.period").count() == 1
    headers = mail_headers(mail)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = headers["List-Unsubscribe"].strip("<>").removeprefix(settings.PUBLIC_URL)
    stranger = Client(enforce_csrf_checks=True)
    assert "Send me no more" in stranger.get(path).content.decode()
    assert ReportSubscription.objects.filter(pk=row.pk).exists()
    forged = path.replace(token_of(row), token_of(row)[:-1] + ("0" if token_of(row)[-1] != "0" else "1"))
    assert stranger.post(forged).status_code == 200
    assert ReportSubscription.objects.filter(pk=row.pk).exists()
    assert stranger.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not ReportSubscription.objects.filter(pk=row.pk).exists()
    assert stranger.post(path).status_code == 200
    assert subscription_of(token_of(row)) is None
    assert reports_mail(at=at + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    "cadence, at, key",
    [
        ("daily", "2026-10-26T05:59:00+00:00", "2026-10-24..2026-10-24"),
        ("daily", "2026-10-26T06:00:00+00:00", "2026-10-25..2026-10-25"),
        ("weekly", "2026-10-26T06:00:00+00:00", "2026-w43"),
        ("monthly", "2026-10-26T06:00:00+00:00", "2026-09"),
        ("monthly", "2026-11-01T06:00:00+00:00", "2026-10"),
    ],
)
@pytest.mark.django_db
def test_a_report_is_due_the_morning_after_as_the_platform_counts(
    platform: Platform, cadence: str, at: str, key: str
) -> None:
    assert due_period(cadence, datetime.fromisoformat(at), zone_of(platform.pk)).key == key


@pytest.mark.django_db
def test_who_left_the_platform_gets_no_mail(slo: Slo, platform: Platform, manager: User) -> None:
    subscription_put(by=BY, at=now() - timedelta(days=2), platform=platform, user=manager, cadence="daily")
    manager.memberships.all().delete()
    assert reports_mail(at=now()) == 0
    assert not Notice.objects.filter(user=manager).exists()


@pytest.mark.django_db
def test_the_api_says_what_the_page_says(slo: Slo, platform: Platform, token: object, client_for: ClientFor) -> None:
    client = client_for(token)
    found = client.get(f"/api/v1/figures/periods/?platform={platform.key}&period={month_key()}").json()
    row = slo_rows([slo], parse(month_key(), now(), zone_of(platform.pk)))[0]
    assert found["objectives"][0]["adjusted"] == row.adjusted
    assert client.get(f"/api/v1/figures/periods/?platform={platform.key}&period=never").status_code == 400
    refused = client.post(
        "/api/v1/published-reports/", {"platform": platform.key, "period": month_key()}, content_type="application/json"
    )
    assert refused.status_code == 403
    assert client.get("/api/v1/published-reports/").json()["results"] == []


@pytest.mark.django_db
def test_what_is_asked_to_be_excluded_shows_but_does_not_count_yet(
    slo: Slo, platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    at = floor_to(now(), 300)
    exclusion_put(by=BY, at=at, platform=platform, service=None, slo=slo, starts_at=at - timedelta(hours=1),
                  ends_at=at - timedelta(minutes=50), reason="Load test")  # fmt: skip
    page = client_for(viewer).get(at_report(platform)).content.decode()
    assert "not approved" in page
    assert "99.500" in page.replace("\xa0", " ")


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["2026-99-99T00:00:00+00:00", "2026-01-01T00:00:00+00:00"])
def test_a_commentary_that_looks_like_a_time_stays_text(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor, text: str
) -> None:
    client = client_for(manager)
    assert client.post(at_report(platform, "period-commentary"), {"number": "0", "text": text}).status_code == 303
    answer = client.get(at_report(platform))
    assert answer.status_code == 200
    assert f"<p>{text}</p>" in answer.content.decode()


@pytest.mark.django_db
def test_warnings_of_backup_checks_have_a_column(platform: Platform, manager: User, client_for: ClientFor) -> None:
    at = now() - timedelta(minutes=10)
    EvidenceResult.objects.create(
        platform=platform, check_name="backup.age", verdict="warn", created_at=at, fetched_at=at
    )
    page = client_for(manager).get(at_report(platform)).content.decode()
    assert "Warned" in page
    assert "1 warn: backup.age" in page


@pytest.mark.django_db
def test_a_drawing_is_made_without_the_rest_of_the_report(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("opsportal.reports.period.views.report_body")
    answer = client_for(manager).get(at_report(platform, query=f"&part={slo.pk}"), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f"{slo.name}: budget left" in page
    assert "budget used per day" in page


@pytest.mark.django_db
def test_what_a_report_does_not_hold_is_counted_in_it(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, kind in enumerate((AnnotationKind.INCIDENT, AnnotationKind.DRILL, AnnotationKind.DRILL)):
        at = now() - timedelta(minutes=30 - n)
        Annotation.objects.create(platform=platform, kind=kind, ref=f"A-{n}", title="x", starts_at=at, ends_at=now())
        Deployment.objects.create(
            platform=platform, external_id=f"web:{n}", label=f"web {n}", state="completed", started_at=at
        )
    monkeypatch.setattr("opsportal.reports.period.body.KEPT", 1)
    monkeypatch.setattr("opsportal.reports.period.drawing.DEPLOYMENTS", 1)
    monkeypatch.setattr("opsportal.reports.period.parts.DRILLS", 1)
    client = client_for(manager)
    body = client.get(at_report(platform, "period-json")).json()
    [row] = body["objectives"]
    assert ([one["ref"] for one in row["windows"]], len(row["changes"])) == (["A-1"], 1)
    assert (len(body["drills"]), body["drills_count"], row["counts"]) == (1, 2, {"windows": 2, "changes": 3})
    page = client.get(at_report(platform)).content.decode()
    assert "2 drills and practice runs began in this time" in page
    assert "The first 1 of 3 deployments stand in this report" in page
    drawing = client.get(at_report(platform, query=f"&part={slo.pk}"), headers={"HX-Request": "true"}).content.decode()
    assert "Drawn are the first 1 of 3 deployments and 1 of 2 windows, freezes and drills." in drawing
    file = client.get(at_report(platform, "period-csv")).content.decode()
    assert {f"objective,{slo.key},changes,3", "drills,,count,2"} <= set(file.splitlines())


def test_of_many_objectives_the_worst_are_told_at_once_and_the_others_after_them(
    slo: Slo, platform: Platform, manager: User, client_for: ClientFor
) -> None:
    at = floor_to(now(), 300)
    for number in range(FIRST):
        slo_of(platform, at=at, key=f"other-{number}", name=f"Other {number}", objective=95.0 + number)
    recount_slos(slo_ids=list(Slo.objects.values_list("pk", flat=True)), start=at - timedelta(hours=1), end=at)
    client = client_for(manager)
    page = client.get(at_report(platform)).content.decode()
    names = {slo.name, *(f"Other {n}" for n in range(FIRST))}
    told = {name for name in names if f"Burn rates, {name}" in page}
    assert (len(told), slo.name in told) == (FIRST, True)  # the strictest is the worst
    (left,) = names - told
    asked = at_report(platform, query="&rest=1")
    assert f'hx-get="?period={month_key()}&amp;rest=1"' in page
    rest = client.get(asked, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in rest
    assert {name for name in names if f"Burn rates, {name}" in rest} == {left}
    rows = {part.split('"')[0].replace("&amp;", "&") for part in rest.split('href="')[1:] if "/buckets/" in part}
    assert len(rows) > 3
    for one in sorted(rows):
        assert client.get(one).status_code == 200, one
    alone = at_report(platform, query=f"&detail={Slo.objects.get(name=left).pk}")
    assert f"Burn rates, {left}" in client.get(alone).content.decode()  # without a script
    assert "Burn rates" not in client.get(f"{alone}&rest=1", headers={"HX-Request": "true"}).content.decode()
    frozen = client.get(f"{publish(client, platform).get_absolute_url()}?rest=1", headers={"HX-Request": "true"})
    assert f"Burn rates, {left}" in frozen.content.decode()
