"""Dashboards: kept, copied, rearranged without script, shared, thrown away; what is not read says why."""

import json
import re
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from monitoring.models import Chart, Dashboard, ServiceMetric
from monitoring.selectors.dashboards import asked_charts, metrics_named
from monitoring.services.dashboards import MOST_OWN, DashboardError, dashboard_add, dashboard_delete
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.dashboards import UNREAD, dashboard_of
from tests.factories.monitoring import metric_of, rule_of, series_named, service_of, write

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
HTMX = {"HX-Request": "true"}
REQUESTS = Chart("web", "requests", "Sum")


@pytest.fixture
def metric(platform: Platform) -> ServiceMetric:
    end = floor_to(now(), 300)
    found = metric_of(platform, at=end)
    write(series_named("RequestCount"), [100.0, 200.0], end=end, period=300, column="sum")
    return found


def posted(*charts: Chart, **values: str) -> dict[str, str]:
    """The editor's form as a browser sends it."""
    form = {"version": "1", "name": "Mine", "range": "24h", "compare": "7d", "note": "", "do": "save"} | values
    for number, chart in enumerate(charts):
        row = chart._asdict() | {"metric": f"{chart.service}.{chart.metric}" if chart.metric else ""}
        form |= {f"chart-{number}-{name}": row[name] for name in ("metric", "stat", "title", "note")}
        form |= {f"chart-{number}-limits": "on"} if chart.limits else {}
    return form


def html_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_services_view_is_kept_with_its_range_and_comparison(
    platform: Platform, metric: ServiceMetric, viewer: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    page = html_of(client.get(f"/monitoring/services/{service_of(platform).pk}/?range=24h&compare=7d"))
    address = f"/monitoring/dashboards/new/{platform.key}/"
    assert f'href="{address}?service=web&amp;range=24h&amp;compare=7d"' in page
    begun = html_of(client.get(f"{address}?service=web&range=24h&compare=7d"))
    assert 'name="chart-0-metric" value="web.requests"' in begun
    assert '<option value="24h" selected>' in begun
    assert not Dashboard.objects.exists()
    answer = client.post(address, posted(REQUESTS, version="0"))
    kept = Dashboard.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/monitoring/dashboards/{kept.pk}/")
    assert (kept.owner_id, kept.range, kept.compare, kept.shown) == (viewer.pk, "24h", "7d", [REQUESTS])
    assert AuditEntry.objects.filter(verb="monitoring.dashboard.added", obj_id=str(kept.pk)).count() == 1
    shown = html_of(client.get(f"/monitoring/dashboards/{kept.pk}/"))
    assert f"/monitoring/dashboards/{kept.pk}/charts/?range=24h&amp;compare=7d" in shown


def test_a_zoomed_view_keeps_its_instants(
    platform: Platform, metric: ServiceMetric, viewer: User, client_for: ClientFor
) -> None:
    client, address = client_for(viewer), f"/monitoring/dashboards/new/{platform.key}/"
    begun = html_of(client.get(f"{address}?service=web&from=2026-03-10T09:00:00Z&to=2026-03-10T10:00:00Z"))
    assert 'value="2026-03-10T09:00:00+00:00"' in begun
    assert '<option value="fixed" selected>' in begun
    ends = {"range": "fixed", "compare": "", "starts_at": "2026-03-10T09:00:00+00:00"}
    assert client.post(address, posted(REQUESTS, **ends, ends_at="2026-03-10T08:00:00+00:00")).status_code == 422
    client.post(address, posted(REQUESTS, **ends, ends_at="2026-03-10T10:00:00+00:00"))
    kept = Dashboard.objects.get()
    assert (kept.range, kept.starts_at.isoformat()) == ("", "2026-03-10T09:00:00+00:00")  # type: ignore[union-attr]
    query = "from=2026-03-10T09:00:00Z&amp;to=2026-03-10T10:00:00Z"
    assert f"charts/?{query}" in html_of(client.get(f"/monitoring/dashboards/{kept.pk}/"))


def test_the_address_says_what_is_shown_before_what_was_saved(
    platform: Platform, metric: ServiceMetric, viewer: User, client_for: ClientFor
) -> None:
    kept = dashboard_of(platform, charts=[REQUESTS], range="7d", compare="7d")
    address = f"/monitoring/dashboards/{kept.pk}/"
    assert "charts/?range=7d&amp;compare=7d" in html_of(client_for(viewer).get(address))
    alone = html_of(client_for(viewer).get(f"{address}?range=1h"))
    assert 'charts/?range=1h"' in alone


def test_charts_are_drawn_together_and_what_is_not_read_says_why(
    platform: Platform, metric: ServiceMetric, viewer: User, client_for: ClientFor
) -> None:
    gone, odd = Chart("web", "queue"), REQUESTS._replace(stat="p42", title="Odd")
    kept = dashboard_of(platform, charts=[REQUESTS, UNREAD, gone, odd])
    client, address = client_for(viewer), f"/monitoring/dashboards/{kept.pk}/"
    parts = client.get(f"{address}charts/?range=3h", headers=HTMX)
    drawn = html_of(parts)
    assert drawn.count('<div class="plot') == 1
    assert drawn.count("not read") >= 3
    assert "Nothing sends it." in drawn
    assert "The platform has no metric queue of a service web." in drawn
    assert "p42 is not among them" in drawn
    page = html_of(client.get(address))
    assert page.count("<noscript><h2>") == 1  # the others say so at once, without script too
    assert "Nothing sends it." in page
    again = client.get(f"{address}charts/?range=3h", headers=HTMX | {"If-None-Match": parts["ETag"]})
    assert again.status_code == 304


def test_limits_are_drawn_unless_the_chart_leaves_them_out(
    platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    end = floor_to(now(), 300)
    rule_of(platform, at=end)
    found = ServiceMetric.objects.create(
        platform=platform, service=service_of(platform), key="db", name="Connections", namespace="AWS/RDS",
        metric="DatabaseConnections", stats=["Maximum"], series=series_named("DatabaseConnections"),
    )  # fmt: skip
    write(series_named("DatabaseConnections"), [85.0] * 10, end=end)
    with_them = dashboard_of(platform, charts=[Chart("web", "db")])
    without = dashboard_of(platform, charts=[Chart("web", "db", limits=False)])
    client = client_for(viewer)
    assert "&gt; 80" in html_of(client.get(f"/monitoring/dashboards/{with_them.pk}/charts/", headers=HTMX))
    bare = html_of(client.get(f"/monitoring/dashboards/{without.pk}/charts/", headers=HTMX))
    assert "limits not shown" in bare
    assert "&gt; 80" not in bare
    image = reverse("monitoring:metric-chart-svg", args=[found.pk])
    assert len(client.get(f"{image}?limits=0").content) < len(client.get(image).content)


def test_buttons_rearrange_what_is_typed_and_store_nothing(
    platform: Platform, metric: ServiceMetric, viewer: User, client_for: ClientFor
) -> None:
    client, address = client_for(viewer), f"/monitoring/dashboards/new/{platform.key}/"
    typed = posted(REQUESTS, UNREAD, version="0", name="Half")
    up = html_of(client.post(address, typed | {"do": "up:1"}))
    assert up.index("Disk I/O") < up.index("web.requests")
    assert 'value="Half"' in up
    added = html_of(client.post(address, typed | {"do": "add", "adding": "web.requests"}))
    assert 'name="chart-2-metric" value="web.requests"' in added
    removed = html_of(client.post(address, typed | {"do": "remove:0"}, headers=HTMX))
    assert removed.strip().startswith('<div id="dashboard-edit"')
    assert 'name="chart-1-metric"' not in removed
    for odd in ("up:99", "remove:x", "down:", "dance:0", "add"):
        assert client.post(address, typed | {"do": odd}).status_code == 200
    assert not Dashboard.objects.exists()


def test_a_packs_dashboard_is_copied_and_stays_as_it_is(
    platform: Platform, metric: ServiceMetric, admin: User, client_for: ClientFor
) -> None:
    declared = dashboard_of(platform, charts=[REQUESTS, UNREAD], key="key-metrics", name="Key metrics")
    client = client_for(admin)
    page = html_of(client.get(f"/monitoring/dashboards/{declared.pk}/"))
    assert f"?copy={declared.pk}" in page
    assert "/edit/" not in page
    refused = client.post(f"/monitoring/dashboards/{declared.pk}/edit/", posted(REQUESTS))
    assert refused.status_code == 422
    assert "copy it, and change the copy" in html_of(refused)
    address = f"/monitoring/dashboards/new/{platform.key}/"
    assert 'value="Key metrics, copy"' in html_of(client.get(f"{address}?copy={declared.pk}"))
    client.post(address, posted(REQUESTS, UNREAD, version="0", name="Ours", share="on"))
    ours = Dashboard.objects.get(name="Ours")
    assert (ours.owner_id, ours.key, ours.shown) == (None, "", [REQUESTS, UNREAD])


def test_ones_own_is_nobody_elses(
    platform: Platform, viewer: User, admin: User, other_admin: User, client_for: ClientFor
) -> None:
    mine = dashboard_of(platform, owner_id=viewer.pk, name="Only mine")
    for person in (admin, other_admin):
        client = client_for(person)
        for part in ("", "charts/", "edit/", "delete/"):
            assert client.get(f"/monitoring/dashboards/{mine.pk}/{part}").status_code == 404
        assert "Only mine" not in html_of(client.get("/monitoring/dashboards/"))
        assert client.get(f"/monitoring/dashboards/new/{platform.key}/?copy={mine.pk}").status_code == 404
    assert "Only mine" in html_of(client_for(viewer).get("/monitoring/dashboards/?show=own"))
    assert "Only mine" not in html_of(client_for(viewer).get("/monitoring/dashboards/?show=shared"))


def test_shared_ones_are_the_teams(platform: Platform, viewer: User, operator: User, client_for: ClientFor) -> None:
    shared = dashboard_of(platform, name="Team")
    for part in ("edit/", "delete/"):
        assert (
            client_for(viewer).post(f"/monitoring/dashboards/{shared.pk}/{part}", {"version": "1"}).status_code == 403
        )
    shared.refresh_from_db()
    address = f"/monitoring/dashboards/new/{platform.key}/"
    assert "For everybody" not in html_of(client_for(viewer).get(address))
    client_for(viewer).post(address, posted(UNREAD, version="0", share="on"))
    assert Dashboard.objects.get(name="Mine").owner_id == viewer.pk
    change = posted(UNREAD._replace(limits=False), UNREAD, name="Renamed")
    assert client_for(operator).post(f"/monitoring/dashboards/{shared.pk}/edit/", change).status_code == 303
    late = posted(UNREAD, name="Theirs") | {"adding": "web.requests"}
    lost = client_for(operator).post(f"/monitoring/dashboards/{shared.pk}/edit/", late)
    assert lost.status_code == 409
    both, fields = html_of(lost).split('id="merge"', 1)
    unread, noted = f"{UNREAD.title}: no metric", f"noted: {UNREAD.note}"
    theirs, mine = f"1. {unread}, without limits, {noted}\n2. {unread}, {noted}", f"1. {unread}, {noted}"
    assert f'<b>Charts, saved</b><p class="pre">{theirs}</p>' in both
    assert f'<b>Charts, yours</b><p class="pre">{mine}</p>' in both
    assert re.findall(r"<b>([^<]*), yours</b>", both) == ["Name", "Charts"]
    assert 'name="chart-0-note"' in fields
    shared.refresh_from_db()
    assert (shared.name, shared.version) == ("Renamed", 2)


def test_what_was_thrown_away_is_asked_first_and_gone_once(
    platform: Platform, operator: User, client_for: ClientFor, actor_for: Callable[..., Any]
) -> None:
    shared, client = dashboard_of(platform), client_for(operator)
    address = f"/monitoring/dashboards/{shared.pk}/delete/"
    assert "nothing brings it back" in html_of(client.get(address))
    assert client.post(address, {"version": "7"}).status_code == 409
    form = {"version": "1", "idempotency_key": "k"}
    assert [client.post(address, form).status_code for _ in range(2)] == [303, 303]
    assert not Dashboard.objects.exists()
    dashboard_delete(by=actor_for(operator), at=now(), dashboard=shared, expected=1)  # gone already
    assert AuditEntry.objects.filter(verb="monitoring.dashboard.deleted").count() == 1


def test_a_metric_that_is_gone_stays_on_its_dashboard_until_removed(
    platform: Platform, metric: ServiceMetric, operator: User, client_for: ClientFor
) -> None:
    gone = Chart("web", "queue", "Sum")
    shared = dashboard_of(platform, charts=[gone])
    address = f"/monitoring/dashboards/{shared.pk}/edit/"
    assert client_for(operator).post(address, posted(gone, REQUESTS)).status_code == 303
    refused = client_for(operator).post(address, posted(Chart("web", "other"), version="2"))
    assert refused.status_code == 422
    assert "no metric other" in html_of(refused)
    asked = asked_charts([gone, REQUESTS], metrics_named(platform.pk, [gone, REQUESTS]))
    assert [one.series is None for one in asked] == [True, False]


@pytest.mark.parametrize(
    "values, said",
    [
        ({"name": "n", "charts": []}, "between 1 and 12"),
        ({"name": "n", "charts": [UNREAD] * 13}, "between 1 and 12"),
        ({"name": "n", "charts": [Chart(title="Why?")]}, "why it is not read"),
        ({"name": "n", "charts": [Chart("web", "requests", "p99")]}, "has no p99"),
        ({"charts": [UNREAD], "name": "  "}, "needs a name"),
        ({"charts": [UNREAD], "name": "x" * 121}, "longer than 120"),
        ({"name": "n", "charts": [UNREAD], "range": "2h"}, "is one of"),
        ({"name": "n", "charts": [UNREAD], "range": ""}, "both ends"),
        ({"name": "n", "charts": [UNREAD], "range": "3h", "starts_at": now()}, "either"),
        ({"name": "n", "charts": [UNREAD], "compare": "9d"}, "compares"),
        ({"name": "n", "charts": [UNREAD], "colour": "red"}, "no colour"),
        ({"name": "x"}, "its charts"),
    ],
)
def test_what_cannot_be_kept_is_said(
    platform: Platform, metric: ServiceMetric, operator: User, actor_for: Callable[..., Any],
    values: dict[str, Any], said: str,
) -> None:  # fmt: skip
    with pytest.raises(DashboardError, match=said):
        dashboard_add(by=actor_for(operator), at=now(), platform=platform, values=values, is_shared=True)
    assert not Dashboard.objects.exists()


def test_one_person_keeps_so_many(platform: Platform, viewer: User, actor_for: Callable[..., Any]) -> None:
    row = {"platform": platform, "owner_id": viewer.pk, "name": "x", "charts": [UNREAD._asdict()]}
    Dashboard.objects.bulk_create(Dashboard(**row) for _ in range(MOST_OWN))
    with pytest.raises(DashboardError, match="throw one away"):
        dashboard_add(
            by=actor_for(viewer), at=now(), platform=platform, values={"name": "n", "charts": [UNREAD]}, is_shared=False
        )


def test_bad_text_is_stored_clean_or_refused(
    platform: Platform, operator: User, client_for: ClientFor, bad_text: str
) -> None:
    client, address = client_for(operator), f"/monitoring/dashboards/new/{platform.key}/"
    odd = posted(UNREAD._replace(title=bad_text or "x"), version="0", name=bad_text, note=bad_text)
    for do in ("save", "add", bad_text):
        sent = odd | {"do": do, "adding": f"web.{bad_text}", "chart-0-metric": bad_text, "starts_at": bad_text}
        body = urlencode(sent, errors="surrogatepass")
        answer = client.post(address, body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code in (200, 303, 400, 422)
        assert client.get(f"{address}?{urlencode({'service': bad_text}, errors='surrogatepass')}").status_code < 500
    for kept in Dashboard.objects.all():
        assert "\x00" not in kept.name + kept.note + json.dumps(kept.charts)
        assert client.get(f"/monitoring/dashboards/{kept.pk}/").status_code == 200


def test_the_api_keeps_changes_shares_and_throws_away(
    platform: Platform, metric: ServiceMetric, operator: User, viewer: User, client_for: ClientFor
) -> None:
    client, base = client_for(operator), "/api/v1/dashboards/"
    charts = [{"service": "web", "metric": "requests"}, {"title": "Disk", "note": "Nothing sends it."}]
    body = {"platform": platform.key, "name": "Shop", "range": "24h", "charts": charts}
    made = client.post(base, body, content_type="application/json")
    assert made.status_code == 201
    first, second = made.json()["charts"]
    assert (first["series"], first["why"]) == (series_named("RequestCount").pk, "")
    assert (second["series"], second["why"]) == (None, "Nothing sends it.")
    address = f"{base}{made.json()['id']}/"
    assert client_for(viewer).get(address).status_code == 404
    change = {"starts_at": "2026-03-10T09:00:00Z", "ends_at": "2026-03-10T10:00:00Z", "shared": True}
    assert client.patch(address, change, content_type="application/json").status_code == 428
    changed = client.patch(address, change, content_type="application/json", HTTP_IF_MATCH=made["ETag"])
    assert (changed.status_code, changed.json()["range"], changed.json()["origin"]) == (200, "", "shared")
    assert (
        client_for(viewer).get(f"{base}?origin=shared&platform={platform.key}").json()["results"][0]["name"] == "Shop"
    )
    assert client.get(f"{base}?origin=sharde").status_code == 400
    refused = client.patch(
        address, {"charts": [{"service": "web", "metric": "no"}]}, content_type="application/json",
        HTTP_IF_MATCH=changed["ETag"],
    )  # fmt: skip
    assert refused.status_code == 422
    assert client.delete(address, HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert client.delete(address, HTTP_IF_MATCH=changed["ETag"]).status_code == 204
    assert not Dashboard.objects.exists()


def test_a_viewers_token_shares_nothing(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    chart = {"title": "Disk", "note": "Nothing sends it."}
    body = {"platform": platform.key, "name": "Shop", "charts": [chart], "shared": True}
    assert client_for(viewer).post("/api/v1/dashboards/", body, content_type="application/json").status_code == 403
    assert not Dashboard.objects.exists()


def test_many_dashboards_are_paged_by_name(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    row = {"platform": platform, "charts": [UNREAD._asdict()]}
    Dashboard.objects.bulk_create(Dashboard(name=f"Board {number:03d}", **row) for number in range(60))
    page = html_of(client_for(viewer).get("/monitoring/dashboards/"))
    assert "Board 049" in page
    assert "Board 050" not in page
    assert "cursor=" in page


def test_a_shell_lists_keeps_changes_and_throws_away(
    platform: Platform,
    operator: User,
    viewer: User,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(body: object, *words: str, by: User = operator) -> Any:
        monkeypatch.setattr(sys, "stdin", StringIO(body if isinstance(body, str) else json.dumps(body)))
        call_command("dashboards", *words, "--as", by.email)
        return json.loads(capsys.readouterr().out)

    chart = {"title": "Disk", "note": "Nothing sends it."}
    kept = said({"platform": platform.key, "name": "Shop", "charts": [chart]}, "keep")
    assert said("", "list", by=viewer) == []
    changed = said({"shared": True, "range": "7d"}, "change", str(kept["id"]), "--version", "1")
    assert (changed["origin"], changed["range"], changed["version"]) == ("shared", "7d", 2)
    assert said("", "show", str(kept["id"]), by=viewer)["charts"][0]["why"] == "Nothing sends it."
    for words, body, by in (
        (("delete", str(kept["id"]), "--version", "1"), "", operator),
        (("delete", str(kept["id"]), "--version", "2"), "", viewer),
        (("show", "0"), "", operator),
        (("keep",), "{", operator),
        (("keep",), {"name": "x"}, operator),
    ):
        with pytest.raises(CommandError):
            said(body, *words, by=by)
    assert said("", "delete", str(kept["id"]), "--version", "2") == {"deleted": kept["id"]}


def test_markup_in_a_dashboard_is_text_on_every_page(
    platform: Platform, metric: ServiceMetric, operator: User, client_for: ClientFor
) -> None:
    odd = '"><script>x()</script>'
    charts = [REQUESTS._replace(title=odd, note=odd), Chart(title=odd, note=odd), Chart("web", odd)]
    kept = dashboard_of(platform, charts=charts, name=odd, note=odd, source_text=odd)
    own = f"/monitoring/dashboards/{kept.pk}/"
    for path in (own, f"{own}charts/", f"{own}edit/", f"{own}delete/", "/monitoring/dashboards/"):
        page = html_of(client_for(operator).get(path))
        assert "&lt;script&gt;x()" in page, path
        assert "<script>x()" not in page, path
