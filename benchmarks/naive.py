"""The page that a hurried team would write: ORM rows, Django's templates. Frozen: a limit, not to be improved."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import engines

from incidents.models import Incident, IncidentClock

ROWS = 100
TEMPLATE = """
<!doctype html><html lang="en"><head><title>Incidents</title></head><body>
<p>{{ user.name }} {{ user.email }}: {{ open_count }} open</p>
<table class="tbl two"><thead><tr><th>Severity</th><th>Incident</th><th>State</th><th>Clocks</th></tr></thead><tbody>
{% for incident in incidents %}
<tr>
  <td><span class="sev sev-{{ incident.rank }}">{{ incident.severity.label }}</span></td>
  <td class="w"><a class="go" href="{{ incident.url }}"><b>{{ incident.title }}</b></a>
    <small>INC-{{ incident.number }} · {{ incident.platform.key }} · {{ incident.service.name }}</small></td>
  <td>{{ incident.get_state_display }} {{ incident.declared_at|date:"D H:i" }}
    {{ incident.commander.name|default:"nobody" }}</td>
  <td class="n">{% for clock in incident.running %}
    {{ clock.get_kind_display }} {{ clock.due_at|date:"H:i" }}{% endfor %}</td>
</tr>
{% endfor %}
</tbody></table>{{ filler }}</body></html>
"""


def page(request: HttpRequest) -> HttpResponse:
    """`?rows=N` incidents, as many as the real page shows; `?pad=N` adds what its frame weighs."""
    user: Any = request.user
    platforms = list(user.memberships.values_list("platform_id", flat=True))
    shown = int(request.GET.get("rows", ROWS))
    rows = Incident.objects.filter(platform_id__in=platforms).order_by("-number")
    incidents = list(rows.select_related("severity", "platform", "service", "commander")[:shown])
    clocks = IncidentClock.objects.filter(incident__in=incidents, stopped_at__isnull=True).order_by("due_at")
    for incident in incidents:
        incident.running = [  # type: ignore[attr-defined]
            clock for clock in clocks if clock.incident_id == incident.pk
        ]
    context = {
        "incidents": incidents,
        "user": user,
        "open_count": rows.filter(resolved_at__isnull=True).count(),
        "filler": "<p>The frame of the real page, of the same weight.</p>" * (int(request.GET.get("pad", 0)) // 60),
    }
    return HttpResponse(engines["django"].from_string(TEMPLATE).render(context, request))


def session_only(request: HttpRequest) -> HttpResponse:
    """What every signed-in page pays."""
    return HttpResponse(f"{request.user.pk}")
