"""Today as a hurried, able team would write it: the same blocks, rows and words, model instances, Django's templates.

Frozen: a limit, not to be improved. No query repeats for a row, what a row shows is joined, the template is compiled
once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template import engines

from incidents.models import ActionItem, Incident, IncidentClock
from maintenance.models import ChecklistRun, HandOver, OperationsLogEntry, WindowOccurrence
from monitoring.models import Alarm, Deployment, EvidenceResult, Silence
from opsportal.core import clock
from opsportal.plans.models import Plan
from opsportal.platforms.models import Platform

TEMPLATE: Final = """
<!doctype html><html lang="en"><head><title>Today</title></head><body>
<nav><a href="/">Today</a> <a href="/incidents/">Incidents <b>{{ open_count }} open</b></a>
<a href="/monitoring/">Monitoring <b>{{ firing_count }} open</b></a> <a href="/reports/slo/">SLOs</a>
<a href="/checklists/">Checklists <b>{{ run_count }} open</b></a> <a href="/maintenance/">Maintenance</a>
<a href="/operations-log/">Operations log</a> <a href="/reports/checklists/">Reports</a>
<a href="/decisions/">Decisions</a> <a href="/settings/">Settings</a></nav>
<p>{% for platform in platforms %}{{ platform.name }} {% endfor %}{{ user.name }} {{ user.email }}</p>
<h1>Today</h1><p>{{ at|date:"D j M Y, H:i e" }} Week {{ at|date:"W" }}</p>
<section><h2>Now</h2>
<h3>Open incidents {{ open_count }}</h3><table class="tbl two"><tbody>
{% for incident in incidents %}<tr>
  <td><span class="sev sev-{{ incident.rank }}">{{ incident.severity.label }}</span></td>
  <td class="w"><a class="go" href="{{ incident.url }}"><b>{{ incident.title }}</b></a>
    <small>INC-{{ incident.number }} · {{ incident.platform.key }} · {{ incident.declared_at|timesince:at }} ·
    {{ incident.get_stage_display }}</small></td>
  <td class="n">{% if incident.next_clock %}<time datetime="{{ incident.next_clock.due_at|date:"c" }}">
    {% if incident.next_clock.due_at < at %}−{{ incident.next_clock.due_at|timesince:at }}{% else %}
    {{ incident.next_clock.due_at|timeuntil:at }}{% endif %}</time>
    <small>{{ incident.next_clock.get_kind_display|lower }}</small>{% else %}no clock{% endif %}</td>
</tr>{% empty %}<tr><td>No open incident</td></tr>{% endfor %}</tbody></table>
<h3>Alarms firing {{ firing_count }}{% if silenced %}, {{ silenced }} silenced{% endif %}</h3><table class="tbl"><tbody>
{% for alarm in firing %}<tr><td>{{ alarm.severity.label|default:"unranked" }}</td>
  <td class="w"><a class="go" href="/monitoring/alarms/{{ alarm.pk }}/">{{ alarm.name }}</a> {{ alarm.platform.key }}
    {% if alarm.is_silenced %}silenced{% endif %}</td>
  <td class="n">{{ alarm.since|timesince:at }}</td><td class="n"><b>{{ alarm.value|floatformat }}
    {{ alarm.rule.unit }}</b></td></tr>{% empty %}<tr><td>Nothing fires</td></tr>{% endfor %}</tbody></table>
{% if unseen %}<h3>Not seen {{ unseen_count }}</h3><table class="tbl"><tbody>
{% for alarm in unseen %}<tr><td class="w"><a class="go" href="/monitoring/alarms/{{ alarm.pk }}/">{{ alarm.name }}</a>
  {{ alarm.platform.key }}</td><td>no data {{ alarm.since|timesince:at }}</td></tr>{% endfor %}</tbody></table>
{% endif %}
</section>
<section><h2>Due</h2>
<h3>Checklists {{ runs|length }}</h3><table class="tbl"><tbody>
{% for run in runs %}<tr><td class="w"><a class="go" href="/checklists/{{ run.pk }}/">{{ run.name }}</a>
  {{ run.platform.key }}</td>
  <td><progress max="{{ run.item_count }}" value="{{ run.answered_count }}"></progress></td>
  <td class="n">{{ run.answered_count }}/{{ run.item_count }}</td>
  <td class="n">{% if run.state == "missed" %}missed{% elif run.due_at < at %}late {{ run.due_at|timesince:at }}
    {% else %}by {{ run.due_at|date:"H:i" }}{% endif %}</td></tr>
{% empty %}<tr><td>No list is open</td></tr>{% endfor %}</tbody></table>
<h3>Windows and freezes</h3><table class="tbl"><tbody>
{% for row in windows %}<tr><td>{{ row.starts_at|date:"D H:i" }}</td>
  <td class="w"><a class="go" href="/maintenance/{{ row.pk }}/">{{ row.window.name }}</a> {{ row.platform.key }}</td>
  <td>{% if row.state == "open" %}open{% else %}{{ row.ends_at|date:"H:i" }}{% endif %}</td></tr>
{% empty %}<tr><td>No window ahead</td></tr>{% endfor %}</tbody></table>
<h3>Waiting for you {{ plans|length }}</h3><table class="tbl"><tbody>
{% for plan in plans %}<tr><td class="w"><a class="go" href="/plans/{{ plan.pk }}/">Approve {{ plan.title }}</a></td>
  <td>expires {{ plan.expires_at|date:"D H:i" }}</td></tr>
{% empty %}<tr><td>Nothing waits for you</td></tr>{% endfor %}</tbody></table>
<h3>Overdue and reviews {{ owed_count }}</h3><table class="tbl"><tbody>
{% for item in actions %}<tr><td class="w"><a class="go" href="/actions/{{ item.number }}/">ACT-{{ item.number }}
  {{ item.title }}</a></td><td>{{ item.owner.name|default:"nobody" }}</td>
  <td>{{ item.due_date|timesince:at }}</td></tr>{% endfor %}
{% for row in reviews %}<tr><td class="w"><a class="go" href="{{ row.incident.url }}review/">
  INC-{{ row.incident.number }} review</a></td><td>{{ row.incident.severity.label }}</td>
  <td>{% if row.due_at < at %}late{% endif %} {{ row.due_at|date:"D H:i" }}</td></tr>{% endfor %}</tbody></table>
</section>
<section><h2>Latest <span>new since {{ since|date:"D H:i" }}</span></h2>
<h3>Hand-over note</h3>{% if note %}<p>{{ note.body|truncatechars:300 }}</p><p>{{ note.platform.key }},
  {{ note.author.name }} {{ note.signed_at|date:"H:i" }}{% if note.signed_at > since %} new{% endif %}</p>
{% else %}<p>No note has been signed yet.</p>{% endif %}
<h3>Verified <a href="/monitoring/">{{ checks_ok }} of {{ checks }} checks ok</a></h3><table class="tbl"><tbody>
{% for row in verified %}<tr><td class="w">{{ row.title }} {{ row.platform.key }}
  <small>{{ row.summary|truncatechars:80 }}</small></td>
  <td>{{ row.verdict }} {{ row.fetched_at|date:"H:i" }}</td></tr>
{% empty %}<tr><td>No check ran in the last day</td></tr>{% endfor %}</tbody></table>
<h3>Deployments</h3><table class="tbl"><tbody>
{% for row in deployments %}<tr><td>{{ row.started_at|date:"H:i" }}{% if row.started_at > since %} new{% endif %}</td>
  <td class="w">{{ row.label }}</td><td>{{ row.state }}</td></tr>
{% empty %}<tr><td>No deployment seen</td></tr>{% endfor %}</tbody></table>
<h3>Operations log</h3><table class="tbl"><tbody>
{% for entry in log %}<tr><td>{{ entry.at|date:"H:i" }}{% if entry.at > since %} new{% endif %}</td>
  <td class="w">{{ entry.text|truncatechars:120 }}</td></tr>
{% empty %}<tr><td>Nothing written yet</td></tr>{% endfor %}</tbody></table>
</section>{{ filler }}</body></html>
"""


@cache
def _template() -> Any:
    return engines["django"].from_string(TEMPLATE)


def _incidents(platforms: list[int]) -> dict[str, Any]:
    rows = Incident.objects.filter(platform_id__in=platforms, state="open")
    found: list[Any] = list(rows.select_related("severity", "platform").order_by("rank", "-number")[:10])
    clocks = IncidentClock.objects.filter(incident__in=found, stopped_at__isnull=True, due_at__isnull=False)
    first: dict[int, IncidentClock] = {}
    for one in clocks.exclude(kind="review").order_by("due_at", "pk"):
        first.setdefault(one.incident_id, one)
    for incident in found:
        incident.next_clock = first.get(incident.pk)
    return {"incidents": found, "open_count": rows.count()}


def _alarms(platforms: list[int], at: datetime) -> dict[str, Any]:
    judged = (
        Q(rule=None, account=None)
        | Q(account__enabled=True, fetched_at__isnull=False)
        | Q(rule__enabled=True, rule__terms__series__enabled=True)
    )
    rows = Alarm.objects.filter(judged, platform_id__in=platforms).exclude(origin="cloudwatch").distinct()
    rows = rows.filter(state__in=["alarm", "unknown"]).select_related("platform", "severity", "rule")
    found: list[Any] = list(rows.order_by("severity__rank", "-since", "pk"))
    silences = list(Silence.objects.filter(platform_id__in=platforms, starts_at__lte=at, ends_at__gt=at))
    for alarm in found:
        alarm.is_silenced = any(_covers(silence, alarm) for silence in silences)
    firing = [alarm for alarm in found if alarm.state == "alarm"]
    unseen = [alarm for alarm in found if alarm.state == "unknown"]
    silenced = sum(alarm.is_silenced for alarm in firing)
    counted = {"firing_count": len(firing), "unseen_count": len(unseen), "silenced": silenced}
    return {"firing": firing[:12], "unseen": unseen[:6], **counted}


def _covers(silence: Silence, alarm: Alarm) -> bool:
    if silence.platform_id != alarm.platform_id:
        return False
    if silence.alarm_id is not None:
        return silence.alarm_id == alarm.pk
    return silence.service_id is None or silence.service_id == alarm.service_id


def _due(platforms: list[int], user: Any, at: datetime) -> dict[str, Any]:
    of_mine = {"platform_id__in": platforms}
    runs = ChecklistRun.objects.filter(**of_mine).select_related("platform")
    owed = runs.filter(Q(state="open") | Q(state="missed", due_at__gte=at - timedelta(days=1)))
    windows = WindowOccurrence.objects.filter(**of_mine, starts_at__lt=at + timedelta(days=8), ends_at__gt=at)
    coming = windows.exclude(state="cancelled").select_related("window", "platform").order_by("starts_at", "pk")
    plans = Plan.objects.filter(**of_mine, state="awaiting", expires_at__gt=at).exclude(requested_by=user)
    items = ActionItem.objects.filter(**of_mine, state__in=["open", "started"], due_date__lt=at.date())
    clocks = IncidentClock.objects.filter(incident__platform_id__in=platforms, kind="review", stopped_at__isnull=True)
    clocks = clocks.exclude(incident__review__state="published").select_related("incident__severity")
    actions = list(items.select_related("owner").order_by("due_date", "number")[:8])
    reviews = list(clocks.order_by("due_at", "incident__number")[:8])
    found = list(owed.order_by("-state", "due_at", "pk")[:30])
    return {
        "runs": found,
        "run_count": sum(run.state == "open" for run in found),
        "windows": _first_of_each(coming)[:8],
        "plans": list(plans.select_related("platform").order_by("expires_at", "pk")[:20]),
        "actions": actions,
        "reviews": reviews,
        "owed_count": len(actions) + len(reviews),
    }


def _first_of_each(rows: Iterable[WindowOccurrence]) -> list[WindowOccurrence]:
    found: dict[int, WindowOccurrence] = {}
    for row in rows:
        found.setdefault(row.window_id, row)
    return list(found.values())


def _changed(platforms: list[int], at: datetime) -> dict[str, Any]:
    of_mine = {"platform_id__in": platforms}
    notes = HandOver.objects.filter(**of_mine, signed_at__isnull=False).select_related("author", "platform")
    evidence = EvidenceResult.objects.filter(**of_mine, created_at__gt=at - timedelta(days=1))
    key = ("platform_id", "check_name", "params")
    newest = evidence.select_related("platform").order_by(*key, "-created_at", "-pk").distinct(*key)
    worst = {"fail": 0, "unknown": 1, "warn": 2, "ok": 3}
    checks = sorted(newest, key=lambda row: worst.get(row.verdict, 9))
    deployments = Deployment.objects.filter(**of_mine).select_related("platform").order_by("-started_at", "-pk")
    log = OperationsLogEntry.objects.filter(**of_mine).order_by("-at", "-pk")
    return {
        "note": notes.order_by("-created_at", "-pk").first(),
        "verified": checks[:4],
        "checks": len(checks),
        "checks_ok": sum(row.verdict == "ok" for row in checks),
        "deployments": list(deployments[:3]),
        "log": list(log[:4]),
    }


def page(request: HttpRequest) -> HttpResponse:
    """Today of whoever asks; `?pad=N` adds what the real page's frame weighs."""
    user: Any = request.user
    at = clock.now()
    platforms = list(Platform.objects.filter(memberships__user=user).order_by("name"))
    ids = [platform.pk for platform in platforms]
    context = {
        "at": at,
        "since": user.today_since or at - timedelta(days=1),
        "user": user,
        "platforms": platforms,
        **_incidents(ids),
        **_alarms(ids, at),
        **_due(ids, user, at),
        **_changed(ids, at),
        "filler": "<p>The frame of the real page, of the same weight.</p>" * (int(request.GET.get("pad", 0)) // 60),
    }
    return HttpResponse(_template().render(context, request))
