"""Pages: overview, service, alarms, polls, points."""

from collections import Counter
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from monitoring.evaluation import limits_text
from monitoring.models import MOST_CHARTS, Alarm, AlarmOrigin, AlarmState, Heartbeat, Probe, Series, Usefulness
from monitoring.ranges import range_of
from monitoring.selectors import alarms as alarm_reads
from monitoring.selectors import intake as intake_reads
from monitoring.selectors import polls as poll_reads
from monitoring.selectors import services as reads
from monitoring.selectors.marks import freezes
from monitoring.selectors.points import TABLE_OF, fitting_period, gaps, point_rows
from monitoring.selectors.usefulness import own_ratings
from monitoring.views.ranges import range_context
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import render_page
from opsportal.core.pagination import head, keyset_page
from opsportal.core.shell import selected_platform
from opsportal.knowledge.selectors.runbooks import matching_runbooks
from opsportal.platforms.models import Service

# As many as fit into 40 kB.
POINTS: Final = 80
RUNS: Final = 40
EVIDENCE_FOR: Final = timedelta(days=7)


def _platform_id(request: AuthorizedRequest) -> int | None:
    chosen = selected_platform(request)
    return chosen.pk if chosen else None


@require_action("monitoring.overview_view")
def overview(request: AuthorizedRequest) -> HttpResponse:
    """The grid of services with their signals, and what fires."""
    at, platform_id = now(), _platform_id(request)
    services = reads.service_rows(request.actor, at=at, platform_id=platform_id)
    evidence = reads.newest_evidence(request.actor, since=at - EVIDENCE_FOR, platform_id=platform_id)
    firing, silenced = alarm_reads.firing_rows(request.actor, at=at, platform_id=platform_id, size=12)
    context = {
        "services": services,
        "words": Counter(row.state for row in services.rows),
        "firing": firing,
        "silenced": silenced,
        "stale": reads.stale_series(request.actor, at=at, platform_id=platform_id, size=8),
        "unread": reads.unread_kinds(request.actor, size=8),
        "evidence": head(evidence, 12),
        "history": poll_reads.backfill_progress(),
        "frozen": freezes(request.actor, at=at, platform_id=platform_id),
        "at": at,
    }
    part = "grid" if request.GET.get("part") else None
    return render_page(request, "monitoring/overview.html", context, fragment=part)


@require_action("monitoring.service_view")
def service(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One service: charts, alarms, databases and backups, changes nearby."""
    rows = Service.objects.visible_to(request.actor).select_related("platform", "environment")
    found = permitted(request.actor, "monitoring.service_view", rows, pk=pk)
    at = now()
    span = range_of(request, at)
    alarms_here = alarm_reads.alarm_rows(request.actor, at=at, service_id=found.pk)
    context = {
        "service": found,
        **range_context(span, at),
        "metrics": reads.metrics_of(found)[:MOST_CHARTS],
        "may_keep": allows(request.actor, "monitoring.dashboard_keep", found),
        "alarms": alarms_here,
        "firing": [row for row in alarms_here.rows if row.state == "alarm"],
        "resources": reads.resources_of(found),
        "changes": reads.changes_near(found, start=span.start, end=span.end),
        "frozen": freezes(request.actor, at=at, service=found),
    }
    return render_page(request, "monitoring/service_detail.html", context)


@require_action("monitoring.alarm_view")
def alarms(request: AuthorizedRequest) -> HttpResponse:
    """All alarms, firing first."""
    at = now()
    state = request.GET.get("state", "")
    state = state if state in AlarmState.values else ""
    found = alarm_reads.alarm_rows(request.actor, at=at, platform_id=_platform_id(request), state=state)
    groups, alone = alarm_reads.symptom_groups(found.rows)
    context = {
        "found": found,
        "groups": groups,
        "alone": alone,
        "state": state,
        "silences": alarm_reads.active_silences(request.actor, at),
        "can_silence": allows(request.actor, "monitoring.silence_set"),
        "at": at,
    }
    return render_page(request, "monitoring/alarm_list.html", context, fragment="rows")


@require_action("monitoring.alarm_view")
def alarm(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One alarm: its rule, its state, its events."""
    joined = ("rule", "severity", "platform", "service", "account", "alert_source")
    rows = Alarm.objects.visible_to(request.actor).select_related(*joined)
    found = permitted(request.actor, "monitoring.alarm_view", rows, pk=pk)
    at = now()
    terms = list(found.rule.terms.select_related("series").order_by("role", "pk")) if found.rule else []
    events = alarm_reads.transitions_of(found)
    context = {
        "alarm": found,
        "state": alarm_reads.shown_state(found, at),
        "terms": terms,
        "probe": Probe.objects.filter(alarm=found).first() if found.origin == AlarmOrigin.PROBE else None,
        "heartbeat": Heartbeat.objects.filter(alarm=found).first() if found.origin == AlarmOrigin.HEARTBEAT else None,
        "events": events,
        "can_rate": allows(request.actor, "monitoring.alarm_rate", found),
        "rated": own_ratings(request.actor, found, events),
        "usefulness": Usefulness.choices,
        "line": limits_text(found.rule) if found.rule else "",
        "is_flapping": found.is_flapping(at),
        "history": alarm_reads.history_of(found),
        "may_change": found.rule is not None and allows(request.actor, "monitoring.alarm_rule_change", found),
        "silences": [
            row for row in alarm_reads.active_silences(request.actor, at) if row.platform_id == found.platform_id
        ],
        "can_silence": allows(request.actor, "monitoring.silence_set", found),
        "can_declare": allows(request.actor, "incidents.incident_declare", found),
        "runbooks": matching_runbooks(found.platform_id, alarms=[found.rule.key]) if found.rule else [],
        "may_write": allows(request.actor, "knowledge.runbook_write", found),
        "at": at,
    }
    if found.origin == AlarmOrigin.ALERT:
        context |= {
            "subjects": intake_reads.subjects_of(found),
            "alerts": intake_reads.alerts_of(found),
            "can_end": allows(request.actor, "monitoring.alert_group_end", found),
            "can_see_messages": allows(request.actor, "monitoring.inbound_view", found),
        }
    return render_page(request, "monitoring/alarm_detail.html", context)


@require_action("monitoring.poll_view")
def polls(request: AuthorizedRequest) -> HttpResponse:
    """What polling asks, gets, misses and costs."""
    at = now()
    accounts = poll_reads.account_polls(request.actor, at=at)
    asked = {name: request.GET.get(name, "") for name in ("show", "account", "region")}
    view = asked["show"] if asked["show"] in poll_reads.RUN_VIEWS else ""
    one = next((row.account.pk for row in accounts if row.account.account_id == asked["account"]), None)
    runs = poll_reads.poll_runs(request.actor, view=view, account=one, region=asked["region"][:24])
    base = reverse("monitoring:polls")
    kept = {name: asked[name] for name in ("account", "region") if asked[name]}
    context = {
        "accounts": accounts,
        "share": {job.pk: poll_reads.backfill_share(job) for row in accounts for job in row.backfills},
        "page": keyset_page(runs, order=poll_reads.RUN_ORDER, cursor=request.GET.get("cursor"), size=RUNS),
        "views": [
            {"label": label, "href": f"{base}?{urlencode({**kept, 'show': key})}", "current": key == view}
            for key, (label, _) in poll_reads.RUN_VIEWS.items()
        ],
        "narrowed": " · ".join(kept.values()),
        "stale": reads.stale_series(request.actor, at=at),
        "unread": reads.unread_kinds(request.actor),
        "at": at,
    }
    return render_page(request, "monitoring/poll_list.html", context)


@require_action("monitoring.poll_view")
def poll_run(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One pass: every figure of it, and the series that were not answered completely."""
    run = get_object_or_404(poll_reads.poll_runs(request.actor), pk=pk)
    context = {"run": run, "unanswered": poll_reads.unanswered_series(request.actor, run), "at": now()}
    return render_page(request, "monitoring/poll_detail.html", context)


@require_action("monitoring.series_view")
def series_points(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The stored points of a series, the last rows behind every figure."""
    rows = Series.objects.visible_to(request.actor).select_related("platform", "service", "account")
    found = permitted(request.actor, "monitoring.series_view", rows, pk=pk)
    span = range_of(request, now())
    asked = request.GET.get("period", "")
    period = int(asked) if asked in {str(one) for one in TABLE_OF} else fitting_period(found, span.start, span.end)
    points = point_rows(series_id=found.pk, period=period, start=span.start, end=span.end, limit=POINTS + 1)
    context = {
        "series": found,
        "span": span,
        "period": period,
        "points": points[:POINTS],
        "older": len(points) > POINTS,
        "gaps": gaps(found, span.start, span.end),
    }
    return render_page(request, "monitoring/series_points.html", context)
