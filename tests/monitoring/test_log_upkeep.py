"""What questions to the logs may read in a month, and how long what they found is kept (M-MET-07, M-RET-01)."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from incidents.errors import IncidentError
from incidents.services import entry_log
from incidents.services.log_lines import log_run_note
from monitoring.loops.logs import forget
from monitoring.models import LogAnswer, LogCap, LogQuery, LogRun
from monitoring.selectors.log_costs import run_figures
from monitoring.services.log_caps import log_cap_set
from monitoring.services.log_queries import LogQueryError, log_query_ask
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now
from opsportal.core.models import VersionConflictError
from opsportal.health.metrics import exposition
from opsportal.platforms.models import Platform
from tests.factories.accounts import token_persona
from tests.factories.incidents import SYSTEM, declare
from tests.factories.logs import query_of, run_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
GB = 2**30
JSON = "application/json"
OLD = timedelta(days=91)


@pytest.fixture
def query(platform: Platform, at: datetime) -> LogQuery:
    return query_of(platform, at=at)


def capped(platform: Platform, at: datetime, gb_a_month: int) -> LogCap:
    return log_cap_set(by=SYSTEM, at=at, platform=platform, expected=0, gb_a_month=gb_a_month)


def test_a_month_reads_no_more_than_its_cap(query: LogQuery, at: datetime) -> None:
    capped(query.platform, at, 2)
    run_of(query, at=at, lines=1, bytes_scanned=GB)  # an hour: one like it has room
    open_run = log_query_ask(by=SYSTEM, at=at, query=query, minutes=30)
    assert open_run.expected_bytes == GB // 2  # counts while it is being asked
    with pytest.raises(LogQueryError, match=r"have read 1\.5\sGB of the 2\sGB .* would read about 1\sGB"):
        log_query_ask(by=SYSTEM, at=at, query=query, minutes=60)
    assert LogRun.objects.count() == 2
    log_query_ask(by=SYSTEM, at=at, query=query, minutes=30)
    with pytest.raises(LogQueryError, match="Nothing was asked"):
        log_query_ask(by=SYSTEM, at=at, query=query, minutes=1)


def test_the_month_before_and_another_platform_do_not_count(
    query: LogQuery, other_platform: Platform, at: datetime
) -> None:
    capped(query.platform, at, 1)
    run_of(query, at=at.replace(day=1, hour=0) - timedelta(seconds=1), lines=1, bytes_scanned=5 * GB, said="cut")
    run_of(query_of(other_platform, at=at), at=at, lines=1, bytes_scanned=5 * GB)
    assert log_query_ask(by=SYSTEM, at=at, query=query, minutes=30).pk


def test_without_an_estimate_the_last_question_may_pass_the_cap_and_no_other(query: LogQuery, at: datetime) -> None:
    capped(query.platform, at, 1)
    run = log_query_ask(by=SYSTEM, at=at, query=query, minutes=30)
    assert run.expected_bytes is None
    LogRun.objects.filter(pk=run.pk).update(state="stopped", bytes_scanned=3 * GB)
    with pytest.raises(LogQueryError, match=r"3\sGB of the 1\sGB"):
        log_query_ask(by=SYSTEM, at=at, query=query, minutes=30)
    log_cap_set(by=SYSTEM, at=at, platform=query.platform, expected=LogCap.objects.get().version, gb_a_month=4)
    assert log_query_ask(by=SYSTEM, at=at, query=query, minutes=30).pk


def test_a_manager_sets_the_cap_and_sees_the_runs_behind_the_figure(
    query: LogQuery, manager: User, operator: User, client_for: ClientFor
) -> None:
    run_of(query, at=now(), lines=1, bytes_scanned=GB)
    url = reverse("monitoring:log-cap", args=[query.platform.key])
    client = client_for(manager)
    page = client.get(url).content.decode()
    assert "1\u00a0GB of 1,000\u00a0GB" in page
    assert "Question errors" in page
    assert "portal default" in page
    post = {"version": "0", "gb_a_month": "1"}
    assert client_for(operator).post(f"{url}cap/", post).status_code == 403
    assert client.post(f"{url}cap/", {"version": "0", "gb_a_month": "-1"}).status_code == 422
    assert not LogCap.objects.exists()
    assert client.post(f"{url}cap/", post).status_code == 303
    assert AuditEntry.objects.filter(verb="monitoring.log_cap.set").count() == 1
    page = client.get(url).content.decode()
    assert "nothing more is asked this month" in page
    assert "Keep this cap" not in client_for(operator).get(url).content.decode()


def test_the_cap_by_api_and_from_a_shell(query: LogQuery, manager: User, operator: User, client_for: ClientFor) -> None:
    key, out = query.platform.key, StringIO()
    address, body = f"/api/v1/log-caps/{key}/", {"gb_a_month": 9}
    client = client_for(token_persona(manager, "monitoring:read", "log:write"))
    held = client.get(address)
    assert (held.json()["is_default"], held.json()["bytes_left"]) == (True, 1000 * GB)
    headers = {"If-Match": held["ETag"]}
    assert client.put(address, body, content_type=JSON).status_code == 428
    assert client.put(address, {"gb_a_month": -1}, content_type=JSON, headers=headers).status_code == 400
    kept = client.put(address, body, content_type=JSON, headers=headers)
    assert (kept.status_code, kept.json()["gb_a_month"], kept.json()["is_default"]) == (200, 9, False)
    assert client.put(address, body, content_type=JSON, headers=headers).status_code == 412
    reader = client_for(token_persona(operator, "monitoring:read", "log:read"))
    asked = f"/api/v1/log-queries/{query.pk}/runs/"
    assert reader.post(asked, {"minutes": 5}, content_type=JSON).status_code == 403  # reading is free, asking is not
    asker = client_for(token_persona(operator, "monitoring:read", "log:ask"))
    assert asker.post(asked, {"minutes": 5}, content_type=JSON).status_code == 201
    call_command("logqueries", "cap", key, "--gb", "7", "--as", manager.email, stdout=out)
    assert json.loads(out.getvalue())["gb_a_month"] == 7
    with pytest.raises(CommandError, match="gb_a_month"):
        call_command("logqueries", "cap", key, "--gb", "-7", "--as", manager.email, stdout=StringIO())
    assert LogCap.objects.get().gb_a_month == 7


def test_two_who_set_the_cap_do_not_overwrite_each_other(query: LogQuery, at: datetime) -> None:
    row = capped(query.platform, at, 1)
    log_cap_set(by=SYSTEM, at=at, platform=query.platform, expected=row.version, gb_a_month=2)
    with pytest.raises(VersionConflictError):
        log_cap_set(by=SYSTEM, at=at, platform=query.platform, expected=row.version, gb_a_month=3)
    assert LogCap.objects.get().gb_a_month == 2


def test_old_runs_are_let_go_of_but_for_what_a_timeline_leads_to(query: LogQuery, at: datetime) -> None:
    old = [run_of(query, at=at - OLD, lines=1, bytes_scanned=GB, cost_usd="0.005") for _ in range(4)]
    waiting, young = run_of(query, at=at - OLD), run_of(query, at=at - timedelta(days=89), lines=1)
    incident = declare(query.platform, by=SYSTEM, at=at)
    log_run_note(by=SYSTEM, at=at, incident=incident, run=old[0])
    entry_log(by=SYSTEM, at=at, incident=incident, body=f"see https://ops.example/monitoring/logs/runs/{old[1].pk}/")
    before = run_figures()
    forget(at)
    kept = {old[0].pk, old[1].pk, waiting.pk, young.pk}
    assert set(LogRun.objects.values_list("pk", flat=True)) == kept
    assert set(LogAnswer.objects.values_list("run_id", flat=True)) == kept - {waiting.pk}
    assert run_figures() == before  # the totals never fall
    forget(at)
    assert run_figures() == before
    text = exposition().decode()
    assert 'opsportal_log_runs{state="done"} 5.0' in text
    assert "opsportal_log_scanned_bytes_total 4.330967296e+09" in text


def test_a_run_that_is_gone_is_noted_by_nobody(query: LogQuery, at: datetime) -> None:
    run = run_of(query, at=at - OLD, lines=1)
    incident = declare(query.platform, by=SYSTEM, at=at)
    forget(at)
    with pytest.raises(IncidentError, match="nothing to note"):
        log_run_note(by=SYSTEM, at=at, incident=incident, run=run)
