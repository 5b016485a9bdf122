"""`/api/v1/figures/periods/rows/`: the rows behind a figure of the report of a period."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.figures.periods import between
from monitoring.models import AlarmState
from monitoring.selectors.usefulness import BEGINS, PAGES
from monitoring.slo.periods import Period
from opsportal.core.actor import Actor
from opsportal.core.api import PAGING, page_size
from opsportal.core.forms import bounded_int
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.models import Platform, Service
from opsportal.reports.api.periods import NAMED, VIEW, PeriodApiView
from opsportal.reports.checklists.selectors import OUTCOMES, report_runs
from opsportal.reports.incidents.rows import changes_behind, incidents_behind
from opsportal.reports.period.body import reader_of
from opsportal.reports.period.parts import backup_results, fired_in

Asked = tuple[Platform, Service | None, Period]
Answer = tuple[Page[Any], list[dict[str, Any]]]
Keyset = Callable[[Any, tuple[str, ...]], Page[Any]]


def _incidents(reader: Actor, asked: Asked, key: str, page_of: Keyset) -> Answer:
    platform, _service, period = asked
    found = incidents_behind(reader, between(period.starts_at, period.until), platform.pk, key)
    page = page_of(found.rows.select_related("severity"), ("-number",))
    return page, [
        {
            "number": row.number, "url": row.url, "title": row.title, "severity": row.severity.label, "rank": row.rank,
            "state": row.state, "declared_at": row.declared_at, "seconds": _seconds(found.values.get(row.number)),
        }
        for row in page.rows
    ]  # fmt: skip


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _changes(reader: Actor, asked: Asked, key: str, page_of: Keyset) -> Answer:
    platform, _service, period = asked
    rows, followed = changes_behind(reader, between(period.starts_at, period.until), platform.pk, only=key)
    page = page_of(rows, ("-started_at", "-id"))
    return page, [
        {
            "id": row.pk, "label": row.label, "service": row.service.key if row.service else None, "state": row.state,
            "started_at": row.started_at, "finished_at": row.finished_at, "incidents": list(followed.get(row.pk, ())),
        }
        for row in page.rows
    ]  # fmt: skip


def _runs(reader: Actor, asked: Asked, key: str, page_of: Keyset) -> Answer:
    platform, _service, period = asked
    rows = report_runs(reader, period.starts_at, period.until, platform.pk)
    page = page_of(rows.filter(OUTCOMES[key]) if key else rows, ("-due_at", "-id"))
    return page, [
        {
            "id": row.pk, "template": row.template_id, "name": row.name, "state": row.state, "due_at": row.due_at,
            "completed_at": row.completed_at, "answered_count": row.answered_count, "item_count": row.item_count,
        }
        for row in page.rows
    ]  # fmt: skip


def _evidence(reader: Actor, asked: Asked, key: str, page_of: Keyset) -> Answer:
    rows = backup_results(reader, asked[2])
    page = page_of(rows.filter(check_name=key) if key else rows, ("-created_at", "-pk"))
    return page, [
        {
            "id": row.pk, "check": row.check_name, "verdict": row.verdict, "summary": row.summary,
            "fetched_at": row.fetched_at, "created_at": row.created_at,
        }
        for row in page.rows
    ]  # fmt: skip


def _firings(reader: Actor, asked: Asked, key: str, page_of: Keyset, which: Q = BEGINS) -> Answer:
    rows = fired_in(reader, *asked).filter(which).select_related("alarm", "severity")
    page = page_of(rows.filter(alarm_id=bounded_int(key) or 0) if key else rows, ("-at", "-pk"))
    return page, [
        {
            "id": row.pk, "alarm": row.alarm_id, "name": row.alarm.name, "at": row.at, "silenced": row.silenced,
            "severity": row.severity.label if row.severity else None, "opens_incident": row.opens_incident,
            "reason": row.reason, "goes_on": row.from_state == AlarmState.ALARM,
        }
        for row in page.rows
    ]  # fmt: skip


KINDS: Final = {"incidents": _incidents, "changes": _changes, "runs": _runs, "evidence": _evidence, "firings": _firings}
KEYS: Final = {"runs": tuple(OUTCOMES), "changes": ("change_failure", "rollback")}


class PeriodRowsView(PeriodApiView):
    """Rows behind a figure, as a viewer of the platform sees them: so many as the figure says."""

    actions: Mapping[str, str] = {"GET": VIEW}

    @extend_schema(
        operation_id="figures_period_rows",
        parameters=[
            *NAMED,
            OpenApiParameter("rows", str, required=True, enum=list(KINDS), description="`rows` of the scorecard"),
            OpenApiParameter("only", str, enum=["pages"], description="of firings: those that paged, also by going on"),
            OpenApiParameter("key", str, description="a figure, an outcome, a check, an alarm; all, if absent"),
            *PAGING,
        ],
        responses=serializers.DictField(),
    )
    def get(self, request: Request) -> Response:
        """The rows, newest first; buckets are at `slos/ID/buckets/`, clocks at `clocks/`."""
        asked = self.named(VIEW, request.query_params)
        kind, key = request.query_params.get("rows", ""), request.query_params.get("key", "")
        if kind not in KINDS:
            raise ParseError(f"rows is one of {', '.join(KINDS)}.")
        if key and kind in KEYS and key not in KEYS[kind]:
            raise ParseError(f"key is one of {', '.join(KEYS[kind])}.")
        only, answer = request.query_params.get("only", ""), KINDS[kind]
        if only:
            if (kind, only) != ("firings", "pages"):
                raise ParseError("only is pages, of rows=firings.")
            answer = partial(_firings, which=PAGES)
        size, cursor = page_size(request), request.query_params.get("cursor")

        def page_of(rows: Any, order: tuple[str, ...]) -> Page[Any]:
            return keyset_page(rows, order=order, cursor=cursor, size=size)

        page, results = answer(reader_of(asked[0]), asked, key, page_of)
        return Response({
            "results": results, "next_cursor": page.next_cursor, "previous_cursor": page.previous_cursor
        })  # fmt: skip
