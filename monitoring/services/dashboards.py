"""Dashboards are kept, changed and thrown away: one's own by anybody, shared ones by who looks after the platform."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from monitoring.models import MOST_CHARTS, Chart, Dashboard, Origin
from monitoring.ranges import COMPARED, LONGEST, SPANS
from monitoring.selectors.dashboards import metrics_named
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError
from opsportal.platforms.declared import declared
from opsportal.platforms.models import Platform

KEEP: Final = "monitoring.dashboard_keep"  # one's own
SHARE: Final = "monitoring.dashboard_share"  # everybody's
MAY_CHANGE: Final = ("name", "note", "range", "compare", "starts_at", "ends_at", "charts")
MOST_OWN: Final = 100  # of one person on one platform
LONGEST_TEXT: Final = {"name": 120, "note": 4000, "title": 120, "chart note": 600}


class DashboardError(RefusedError):
    """The dashboard cannot be kept; the message says why."""


def needed_to_change(dashboard: Dashboard) -> str:
    """The right that changing it takes."""
    return KEEP if dashboard.origin == Origin.OWN else SHARE


def _text(value: str, what: str) -> str:
    text = clean_text(value).strip()
    if len(text) > LONGEST_TEXT[what]:
        raise DashboardError(f"The {what} is longer than {LONGEST_TEXT[what]:,} characters.")
    return text


def _checked(platform_id: int, values: Mapping[str, Any], before: Sequence[Chart] = ()) -> dict[str, Any]:
    """The columns that `values` give. What `before` held already may stay though its metric is gone."""
    found = dict(values)
    unknown = sorted(set(found) - set(MAY_CHANGE))
    if unknown:
        raise DashboardError(f"A dashboard has no {unknown[0]}.")
    for what in ("name", "note"):
        if what in found:
            found[what] = _text(found[what], what)
    if not found.get("name", "named"):
        raise DashboardError("A dashboard needs a name.")
    _check_range(found)
    if "charts" in found:
        found["charts"] = [chart._asdict() for chart in _checked_charts(platform_id, found["charts"], before)]
    return found


def _check_range(found: Mapping[str, Any]) -> None:
    """Range and instants come together: either a word, or both ends."""
    if found.get("compare", "") not in ("", *COMPARED):
        raise DashboardError(f"It compares with {' or '.join(COMPARED)} before, or with nothing.")
    said = {"range", "starts_at", "ends_at"} & set(found)
    if not said:
        return
    span, starts_at, ends_at = (found.get(name) for name in ("range", "starts_at", "ends_at"))
    if span:
        if span not in SPANS:
            raise DashboardError(f"A range is one of {', '.join(SPANS)}, or a time with both its ends.")
        if starts_at or ends_at:
            raise DashboardError("It shows either a running range or fixed times.")
    elif starts_at is None or ends_at is None or not starts_at < ends_at or ends_at - starts_at > LONGEST:
        raise DashboardError(f"Fixed times have both ends, and at most {LONGEST.days} days between them.")


def _checked_charts(platform_id: int, charts: Sequence[Chart], before: Sequence[Chart]) -> list[Chart]:
    if not 1 <= len(charts) <= MOST_CHARTS:
        raise DashboardError(f"A dashboard has between 1 and {MOST_CHARTS} charts.")
    metrics, kept = metrics_named(platform_id, charts), {(one.service, one.metric, one.stat) for one in before}
    found = []
    for chart in charts:
        clean = chart._replace(title=_text(chart.title, "title"), note=_text(chart.note, "chart note"))
        metric = metrics.get((chart.service, chart.metric))
        if not clean.service and not clean.metric:
            if not (clean.title and clean.note):
                raise DashboardError("A chart without a metric says what it would show and why it is not read.")
        elif (chart.service, chart.metric, chart.stat) in kept:
            pass  # it stays what it was, though its metric may be gone
        elif metric is None:
            raise DashboardError(f"The platform has no metric {chart.metric} of a service {chart.service}.")
        elif chart.stat and chart.stat not in metric.stats:
            raise DashboardError(f"{metric.name} has no {chart.stat}: it has {', '.join(metric.stats)}.")
        found.append(clean)
    return found


@transaction.atomic
def dashboard_add(
    *, by: Actor, at: datetime, platform: Platform, values: Mapping[str, Any], is_shared: bool
) -> Dashboard:
    """Keep a new one, `by`'s own or everybody's on the platform. Raises DashboardError."""
    owner_id = None if is_shared else by.user_id
    if owner_id is None and not is_shared:
        raise DashboardError("Only a person keeps a dashboard of their own.")
    if owner_id is not None:
        Platform.objects.hold(platform.pk)  # two at once count each other
        if Dashboard.objects.filter(platform=platform, owner_id=owner_id).count() >= MOST_OWN:
            raise DashboardError(f"You keep {MOST_OWN} dashboards of {platform.name}: throw one away first.")
    columns = _checked(platform.pk, values)
    if not {"name", "charts"} <= set(columns):
        raise DashboardError("A dashboard needs a name and its charts.")
    dashboard = Dashboard.objects.create(platform=platform, owner_id=owner_id, **columns)
    _audit(by, at, dashboard, "added", charts=len(dashboard.charts))
    return dashboard


@transaction.atomic
def dashboard_change(
    *, by: Actor, at: datetime, dashboard: Dashboard, expected: int, values: Mapping[str, Any], share: bool = False
) -> Dashboard:
    """Change it; `share` makes one's own everybody's. Raises DashboardError, VersionConflictError."""
    if dashboard.origin == Origin.PACK:
        raise DashboardError("It is its pack's: copy it, and change the copy.")
    columns = _checked(dashboard.platform_id, values, dashboard.shown)
    changed = sorted(name for name, value in columns.items() if getattr(dashboard, name) != value)
    shared_now = {"owner_id": None} if share and dashboard.owner_id is not None else {}
    try:
        dashboard.update_versioned(expected=expected, **columns, **shared_now)
    except Dashboard.DoesNotExist as error:
        raise DashboardError("It was thrown away meanwhile; nothing was changed.") from error
    _audit(by, at, dashboard, "changed", fields=changed, shared=bool(shared_now))
    return dashboard


@transaction.atomic
def dashboard_delete(*, by: Actor, at: datetime, dashboard: Dashboard, expected: int) -> None:
    """Throw it away; what is gone already stays so. Raises DashboardError, VersionConflictError."""
    if is_declared(dashboard):
        raise DashboardError("Its pack declares it: it would come back with the pack.")
    current = Dashboard.objects.select_for_update().filter(pk=dashboard.pk).first()
    if current is None:
        return
    if current.version != expected:
        raise VersionConflictError(current)
    Dashboard.objects.filter(pk=current.pk).delete()
    _audit(by, at, dashboard, "deleted")


def is_declared(dashboard: Dashboard) -> bool:
    """Whether the pack applied last still has it."""
    pack_key = (dashboard.platform_id, dashboard.key)
    return dashboard.origin == Origin.PACK and pack_key in declared("dashboard", [dashboard.platform_id])


def _audit(by: Actor, at: datetime, dashboard: Dashboard, done: str, **data: object) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.dashboard.{done}",
        obj_kind="monitoring.dashboard",
        obj_id=dashboard.pk,
        platform_id=dashboard.platform_id,
        data={"origin": dashboard.origin.value, **data},
    )
