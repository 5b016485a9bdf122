import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import Alarm, Resource, ResourcePoll, Series, ServiceMetric, Silence, SloExclusion
from monitoring.selectors.services import ServiceRow, service_rows
from monitoring.services.alarms import alarm_transition
from monitoring.services.marks import annotation_put, deployment_put, silence_put
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.platforms.models import Platform, Service
from tests.factories.monitoring import (
    BY,
    REGION,
    account_of,
    metric_of,
    rule_of,
    series_named,
    service_of,
    slo_of,
    write,
)

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(platform: Platform) -> Platform:
    """A platform with every kind of row, as of now: pages read the clock."""
    at = floor_to(now(), 300)
    metric_of(platform, at=at)
    slo_of(platform, at=at)
    rule = rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [40.0, 96.0], end=at)
    write(series_named("RequestCount"), [100.0] * 30, end=at, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [None] * 28 + [30.0, 2.0], end=at, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None] * 30, end=at, period=300, column="sum")
    alarm = Alarm.objects.create(
        platform=platform, service=service_of(platform), origin="rule", key=rule.key, name=rule.name, rule=rule,
        severity=rule.severity, since=at, fetched_at=at,
    )  # fmt: skip
    alarm_transition(alarm=alarm, to_state="alarm", at=at - MINUTE, recorded_at=at, value=96.0, reason="96 > 80")
    annotation_put(
        by=BY, at=at, platform=platform, service=service_of(platform), kind="incident", ref="INC-7",
        title="Database full", url="/incidents/7/", starts_at=at - 15 * MINUTE,
    )  # fmt: skip
    deployment_put(
        by=BY, at=at, platform=platform, service=service_of(platform), external_id="ecs-1", label="web:42",
        state="completed", started_at=at - 20 * MINUTE,
    )  # fmt: skip
    account = account_of(platform, at=at)
    Resource.objects.create(
        platform=platform, service=service_of(platform), account=account, region=REGION, kind="ecs_service",
        identifier="cluster/web", state="ok", summary="2 of 2 tasks", data={"running": 2, "desired": 2}, fetched_at=at,
    )  # fmt: skip
    ResourcePoll.objects.create(
        account=account, region=REGION, kind="certificate", tried_at=at, error="denied",
        permission="acm:ListCertificates",
    )  # fmt: skip
    return platform


def pages(platform: Platform) -> dict[str, str]:
    series, alarm, slo = series_named("RequestCount"), Alarm.objects.get(), platform.slos.get()
    return {
        "overview": reverse("monitoring:overview"),
        "service": reverse("monitoring:service", args=[service_of(platform).pk]),
        "alarms": reverse("monitoring:alarms"),
        "alarm": reverse("monitoring:alarm", args=[alarm.pk]),
        "resources": reverse("monitoring:resources"),
        "polls": reverse("monitoring:polls"),
        "chart": reverse("monitoring:metric-chart", args=[platform.service_metrics.get().pk]),
        "svg": reverse("monitoring:metric-chart-svg", args=[platform.service_metrics.get().pk]),
        "series chart": reverse("monitoring:series-chart", args=[series.pk]),
        "series svg": reverse("monitoring:series-chart-svg", args=[series.pk]),
        "points": reverse("monitoring:series-points", args=[series.pk]),
        "slos": reverse("monitoring:slos"),
        "slo": reverse("monitoring:slo", args=[slo.pk]),
        "buckets": reverse("monitoring:slo-buckets", args=[slo.pk]),
        "report": reverse("reports:slo"),
        "csv": reverse("reports:slo-csv"),
    }


def test_every_page_opens_for_a_viewer(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    client = client_for(viewer)
    for name, url in pages(shop).items():
        response = client.get(url)
        assert response.status_code == 200, name
        assert response.content, name


def test_a_part_without_a_name_is_the_whole_page(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    for part, is_whole in (("", True), ("grid", False)):
        page = client_for(viewer).get(reverse("monitoring:overview"), {"part": part}, headers={"HX-Request": "true"})
        assert (page.status_code, b"<html" in page.content) == (200, is_whole)


def test_another_platforms_operator_finds_nothing(shop: Platform, stranger: User, client_for: ClientFor) -> None:
    client = client_for(stranger)
    single = {"service", "alarm", "chart", "svg", "series chart", "series svg", "points", "slo", "buckets"}
    for name, url in pages(shop).items():
        response = client.get(url)
        assert response.status_code == (404 if name in single else 200), name
        assert b"Database connections" not in response.content, name
        assert b"Availability" not in response.content, name


def test_the_firing_alarm_stands_first_with_its_value(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    text = client_for(viewer).get(reverse("monitoring:alarms")).content.decode()
    assert "Database connections" in text
    assert "96" in text
    text = client_for(viewer).get(reverse("monitoring:overview")).content.decode()
    assert f'{reverse("monitoring:alarm", args=[Alarm.objects.get().pk])}">Database connections' in text


def test_a_silenced_alarm_is_counted_and_called_as_on_today(
    shop: Platform, viewer: User, client_for: ClientFor
) -> None:
    alarm, at = Alarm.objects.get(), now()
    silence_put(
        by=BY, at=at, platform=shop, service=None, starts_at=at, ends_at=at + timedelta(hours=1), reason="Known"
    )
    Alarm.objects.create(
        platform=shop, origin="cloudwatch", key="twin", name="Twin", state="alarm", since=at, fetched_at=at
    )
    for path, heading in ((reverse("monitoring:overview"), "Firing"), ("/", "Alarms firing")):
        text = re.sub(r"\s+", " ", client_for(viewer).get(path).content.decode())
        panel = text[text.index(f"<h{3 if path == '/' else 2}>{heading}</h") :]
        panel = panel[: panel.index("</section>")]
        assert re.search(r'class="count[^"]*">1<', panel), path
        assert "1 silenced" in panel, path
        assert alarm.name in panel, path
        assert "Twin" not in panel, path


def test_a_service_counts_a_fault_once_and_says_what_keeps_it_from_being_judged(
    shop: Platform, viewer: User, actor_for: Callable[..., Actor]
) -> None:
    at, service = now(), service_of(shop)
    Series.objects.update(watermark=at)  # however slow the machine, it was read just now
    twin = Alarm.objects.create(
        platform=shop, service=service, origin="cloudwatch", key="twin", name="Twin", state="alarm", since=at,
        fetched_at=at,
    )  # fmt: skip
    quiet = Service.objects.create(platform=shop, environment=service.environment, key="quiet", name="Quiet")

    def rows() -> dict[str, ServiceRow]:
        return {row.service.key: row for row in service_rows(actor_for(viewer), at=at).rows}

    assert (rows()["web"].firing, rows()["web"].state) == (1, "fail")
    assert (rows()["quiet"].state, rows()["quiet"].why) == ("unknown", "never read")
    ServiceMetric.objects.update(service=quiet)
    Alarm.objects.exclude(pk=twin.pk).update(state="unknown", service=quiet)
    assert (rows()["web"].firing, rows()["web"].state) == (1, "fail")  # CloudWatch alone says so
    assert (rows()["quiet"].state, rows()["quiet"].why) == ("unknown", "alarms lack data")
    Alarm.objects.exclude(pk=twin.pk).update(service=service)
    assert rows()["quiet"].why == "no alarm watches it"


def test_a_missing_permission_is_named(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    assert b"acm:ListCertificates" in client_for(viewer).get(reverse("monitoring:resources")).content


def test_a_chart_alone_is_only_the_fragment(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    url = pages(shop)["chart"]
    fragment = client_for(viewer).get(url, headers={"HX-Request": "true"}).content
    assert b"<svg" in fragment
    assert b"<html" not in fragment
    assert len(fragment) < 60_000


@pytest.mark.parametrize(
    "query", ["range=1h", "range=7d", "range=no", "from=2026-03-10T09:00:00Z&to=2026-03-10T10:00:00Z"]
)
def test_a_range_may_be_chosen(shop: Platform, viewer: User, client_for: ClientFor, query: str) -> None:
    client = client_for(viewer)
    for name in ("service", "chart", "points"):
        assert client.get(f"{pages(shop)[name]}?{query}").status_code == 200


@pytest.mark.parametrize(
    "query", ["from=x", "from=2026-03-10&to=2026-03-09", "from=2020-01-01&to=2026-01-01", "from=9999-99-99", "from=%00"]
)
def test_a_broken_range_is_400(shop: Platform, viewer: User, client_for: ClientFor, query: str) -> None:
    assert client_for(viewer).get(f"{pages(shop)['chart']}?{query}").status_code == 400


def test_the_report_attributes_the_budget_and_leads_to_the_rows(
    shop: Platform, viewer: User, client_for: ClientFor
) -> None:
    text = client_for(viewer).get(reverse("reports:slo")).content.decode()
    assert '<a href="/incidents/7/">INC-7 Database full</a>' in text
    assert "Over 20 % in one incident: review due" in text.replace("\u00a0", " ").replace("\u202f", " ")
    assert "only critical and security changes" in text
    slo = shop.slos.get()
    assert reverse("monitoring:slo-buckets", args=[slo.pk]) in text
    buckets = client_for(viewer).get(pages(shop)["buckets"] + "?res=5&bad=1").content.decode()
    assert reverse("monitoring:series-points", args=[series_named("RequestCount").pk]) in buckets


@pytest.mark.parametrize(
    "period,status", [("30d", 200), ("2026-01", 200), ("2026-q1", 200), ("x", 400), ("2999-01", 400)]
)
def test_a_period_may_be_chosen(viewer: User, client_for: ClientFor, period: str, status: int) -> None:
    for name in ("reports:slo", "reports:slo-csv"):
        assert client_for(viewer).get(reverse(name) + f"?period={period}").status_code == status


def test_the_csv_has_a_row_per_objective(shop: Platform, manager: User, client_for: ClientFor) -> None:
    shop.slos.update(name="=HYPERLINK(1)")
    response = client_for(manager).get(reverse("reports:slo-csv"))
    lines = response.content.decode().splitlines()
    assert response["Content-Disposition"] == 'attachment; filename="slo-report-30d.csv"'
    assert len(lines) == 2
    assert "'=HYPERLINK(1)" in lines[1]


def test_an_operator_silences_for_two_hours_and_no_longer(
    shop: Platform, operator: User, commander: User, client_for: ClientFor
) -> None:
    url = reverse("monitoring:silence", args=[Alarm.objects.get().pk])
    assert client_for(operator).get(url).status_code == 200
    assert client_for(operator).post(url, {"minutes": 180, "reason": "Known"}).status_code == 403
    assert not Silence.objects.exists()
    assert client_for(operator).post(url, {"minutes": 60, "reason": "Known"}).status_code == 303
    assert client_for(commander).post(url, {"minutes": 600, "reason": "Vendor"}).status_code == 303
    assert Silence.objects.count() == 2
    text = client_for(operator).get(reverse("monitoring:alarms")).content.decode()
    assert "silenced" in text


def test_a_viewer_silences_nothing(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    url = reverse("monitoring:silence", args=[Alarm.objects.get().pk])
    assert client_for(viewer).post(url, {"minutes": 60, "reason": "Known"}).status_code == 403
    assert not Silence.objects.exists()


def test_ending_a_silence_needs_the_version_seen(shop: Platform, operator: User, client_for: ClientFor) -> None:
    client_for(operator).post(
        reverse("monitoring:silence", args=[Alarm.objects.get().pk]), {"minutes": 60, "reason": "Known"}
    )
    silence = Silence.objects.get()
    url = reverse("monitoring:silence-end", args=[silence.pk])
    for bad in ({}, {"version": "x"}, {"version": "0"}):
        assert client_for(operator).post(url, bad).status_code == 400
    assert client_for(operator).post(url, {"version": 9}).status_code == 409
    assert client_for(operator).post(url, {"version": silence.version}).status_code == 303
    assert Silence.objects.get().ends_at <= now()


def test_time_is_left_out_and_counted_again_by_the_web(shop: Platform, admin: User, client_for: ClientFor) -> None:
    slo, at = shop.slos.get(), now()
    url = reverse("monitoring:slo-exclusion", args=[slo.pk])
    begins, ends = (at - 40 * MINUTE).strftime("%Y-%m-%d %H:%M"), at.strftime("%Y-%m-%d %H:%M")
    client = client_for(admin)
    assert client.post(url, {"starts_at": ends, "ends_at": begins, "reason": "x"}).status_code == 422
    assert client.post(url, {"starts_at": begins, "ends_at": ends, "reason": "Load test"}).status_code == 303
    row = SloExclusion.objects.get()
    assert row.requested_by == admin
    assert b"Load test" in client.get(reverse("monitoring:slo", args=[slo.pk])).content
    undo = reverse("monitoring:slo-exclusion-void", args=[row.pk])
    assert client.get(undo).status_code == 200
    assert client.post(undo, {"version": row.version, "reason": "Was not needed"}).status_code == 303
    assert SloExclusion.objects.get().voided_at is not None


@pytest.mark.parametrize("field", ["reason", "minutes"])
def test_bad_text_is_stored_clean_or_refused(
    shop: Platform, operator: User, client_for: ClientFor, bad_text: str, field: str
) -> None:
    url = reverse("monitoring:silence", args=[Alarm.objects.get().pk])
    data = {"minutes": "60", "reason": "x"} | {field: bad_text}
    body = urlencode(data, errors="surrogatepass")
    response = client_for(operator).post(url, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code < 500


def test_pages_cost_a_bounded_number_of_queries(
    shop: Platform, viewer: User, client_for: ClientFor, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    client, urls = client_for(viewer), pages(shop)
    client.get(urls["overview"])
    for name, most in {"overview": 20, "service": 18, "alarms": 13, "report": 16, "slos": 12}.items():
        with django_assert_max_num_queries(most):
            client.get(urls[name])


def test_an_empty_portal_says_what_would_be_here(viewer: User, platform: Platform, client_for: ClientFor) -> None:
    client = client_for(viewer)
    lists = ("overview", "alarms", "resources", "polls", "slos")
    for name in ("reports:slo", *(f"monitoring:{one}" for one in lists)):
        assert client.get(reverse(name)).status_code == 200, name


def test_what_fails_stands_first_however_long_the_list(shop: Platform, viewer: User, client_for: ClientFor) -> None:
    at, alarm = now(), Alarm.objects.select_related("rule", "severity").get()
    assert alarm.service is not None
    for n in range(250):
        Service.objects.create(platform=shop, environment=alarm.service.environment, key=f"a{n:03}", name=f"Quiet {n}")
    Service.objects.filter(pk=alarm.service_id).update(key="zz", name="In the tail")
    account = account_of(shop, at=at)
    Resource.objects.bulk_create(
        Resource(
            platform=shop,
            account=account,
            region=REGION,
            kind="certificate",
            identifier=f"c{n}",
            state="ok",
            fetched_at=at,
        )
        for n in range(320)
    )
    Resource.objects.create(
        platform=shop, account=account, region=REGION, kind="target_group", identifier="targetgroup/lost/1",
        state="fail", fetched_at=at,
    )  # fmt: skip
    Alarm.objects.bulk_create(
        Alarm(platform=shop, origin="portal", key=f"k{n}", name=f"Also {n}", severity=alarm.severity,
              state="alarm", since=at, fetched_at=at)
        for n in range(19)
    )  # fmt: skip
    client = client_for(viewer)
    page = client.get(reverse("monitoring:overview")).content.decode()
    assert page.index("In the tail") < page.index("Quiet 0")
    assert "200 of 251" in page
    assert "12 of 20" in page
    url = reverse("monitoring:resources")
    first = client.get(url).content.decode()
    assert first.index(">lost<") < first.index(">c0<")
    seen, page = set(), first
    while link := re.search(r'href="([^"]*cursor=[^"]*)">Further', page):
        seen |= set(re.findall(r">(c\d+)<", page))
        page = client.get(url + unescape(link[1])).content.decode()
    assert len(seen | set(re.findall(r">(c\d+)<", page))) == 320
