"""A metric as it stood: its points of that moment are kept in the line, whatever retention forgets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from incidents.choices import EntryKind
from incidents.errors import IncidentError, UnknownNameError
from incidents.models import Incident, TimelineEntry
from incidents.selectors.related import chart_span
from incidents.services.timeline import entry_log
from monitoring.models import ServiceMetric
from monitoring.selectors.points import fitting_period, stat_values
from opsportal.core.actor import Actor
from opsportal.core.formats import number

MOST_POINTS: Final = 300  # a day in steps of five minutes


def metrics_read(incident: Incident) -> list[ServiceMetric]:
    """The metrics that are read for the platform, those of the incident's own service first."""
    rows = ServiceMetric.objects.filter(platform_id=incident.platform_id, series__isnull=False)
    metrics = list(rows.select_related("series", "service").order_by("service__name", "position", "pk"))
    return sorted(metrics, key=lambda metric: metric.service_id != incident.service_id)


def metric_named(incident: Incident, text: str) -> ServiceMetric:
    """The metric of the platform that `text` names, first of the incident's own service. Raises UnknownNameError."""
    metrics, wanted = metrics_read(incident), text.strip().casefold()
    named = [(f"{metric.service.name} {metric.name}".casefold(), metric.name.casefold(), metric) for metric in metrics]
    found = [metric for whole, name, metric in named if wanted in (name, whole, metric.key)]
    found += [metric for _whole, name, metric in named if name.startswith(wanted)]
    found += [metric for whole, _name, metric in named if wanted in whole]
    if wanted and found:
        return found[0]
    known = ", ".join(dict.fromkeys(metric.name for metric in metrics[:8]))
    raise UnknownNameError("metric", f"No metric here is called {text.strip()}. Read are: {known or 'none yet'}.")


def metric_keep(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    metric: ServiceMetric,
    client_key: str = "",
    occurred_at: datetime | None = None,
    data: Mapping[str, Any] | None = None,
) -> TimelineEntry:
    """Keep the metric around the incident's impact as a line with its graph; of a line that came late, as it stood
    when that was written (`occurred_at`). Raises IncidentError.
    """
    if metric.series is None:
        raise IncidentError(f"{metric.name} is not read: connect AWS first.")
    start, end = chart_span(incident, occurred_at or at)
    stat = metric.stats[0]
    period = fitting_period(metric.series, start, end)
    if (end - start) / timedelta(seconds=period) > MOST_POINTS:
        period = 300
    points = stat_values(series=metric.series, stat=stat, period=period, start=start, end=end)
    if not points:
        raise IncidentError(f"{metric.name} has no figure around this incident yet.")
    _, newest = points[-1]
    return entry_log(
        by=by,
        at=at,
        incident=incident,
        kind=EntryKind.GRAPH,
        body=f"{metric.service.name}: {metric.name}, {stat} {number(newest, metric.unit)}",
        client_key=client_key,
        occurred_at=occurred_at,
        data={
            **(data or {}),
            "metric": metric.pk,
            "name": f"{metric.service.name}: {metric.name}",
            "unit": metric.unit,
            "stat": stat,
            "period": period,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "points": [[int(ts.timestamp()), value] for ts, value in points],
        },
    )


def kept_points(data: dict[str, Any]) -> Sequence[tuple[datetime, float]]:
    """The points of a kept graph."""
    return [(datetime.fromtimestamp(ts, UTC), value) for ts, value in data["points"]]
