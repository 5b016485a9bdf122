"""`/api/v1/figures/incidents/`: the incident report as data."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.figures.measures import Figure, Rate, Share
from incidents.figures.periods import PeriodError, between
from opsportal.core import clock
from opsportal.core.api import PLATFORM, ApiView
from opsportal.platforms.selectors import platform_id_said
from opsportal.reports.incidents.selectors import Report, report

DAYS: Final = timedelta(days=30)
FIRST_YEAR: Final = 2000


class TimeSerializer(serializers.Serializer[Any]):
    """A figure of lengths, in seconds; null of nothing."""

    median_seconds = serializers.FloatField(allow_null=True)
    p90_seconds = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="cases counted")
    excluded = serializers.DictField(child=serializers.IntegerField(), help_text="cases left out, by reason")


class ShareSerializer(serializers.Serializer[Any]):
    """`part` of `whole`."""

    value = serializers.FloatField(allow_null=True)
    part = serializers.IntegerField()
    whole = serializers.IntegerField()


class RateSerializer(serializers.Serializer[Any]):
    per_week = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()


class TimeRowSerializer(serializers.Serializer[Any]):
    figure = serializers.CharField()
    means = serializers.CharField()
    now = TimeSerializer()
    before = TimeSerializer()


class ShareRowSerializer(serializers.Serializer[Any]):
    figure = serializers.CharField()
    means = serializers.CharField()
    now = ShareSerializer()
    before = ShareSerializer()


class DeploymentsSerializer(serializers.Serializer[Any]):
    now = RateSerializer()
    before = RateSerializer()


class FiguresSerializer(serializers.Serializer[Any]):
    """Incidents declared in [from, to), and as much time before it."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    incidents = serializers.IntegerField()
    incidents_before = serializers.IntegerField()
    merged = serializers.IntegerField()
    times = TimeRowSerializer(many=True)
    shares = ShareRowSerializer(many=True)
    deployments = DeploymentsSerializer()


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 3)


def _time(figure: Figure) -> dict[str, Any]:
    return {
        "median_seconds": _seconds(figure.median),
        "p90_seconds": _seconds(figure.p90),
        "n": figure.n,
        "excluded": dict(figure.excluded),
    }


def _share(share: Share) -> dict[str, Any]:
    return {"value": share.value, "part": share.part, "whole": share.whole}


def _rate(rate: Rate) -> dict[str, Any]:
    return {"per_week": rate.per_week, "count": rate.count}


def _data(found: Report, since: datetime, until: datetime) -> dict[str, Any]:
    return {
        "since": since,
        "until": until,
        "incidents": found.count,
        "incidents_before": found.count_before,
        "merged": found.merged,
        "times": [
            {"figure": row.key, "means": row.means, "now": _time(row.now), "before": _time(row.before)}
            for row in found.times
        ],
        "shares": [
            {"figure": row.key, "means": row.means, "now": _share(row.now), "before": _share(row.before)}
            for row in found.shares
        ],
        "deployments": {"now": _rate(found.deployments), "before": _rate(found.deployments_before)},
    }


def _moment(name: str, text: str) -> datetime:
    """A day (its beginning in UTC) or an instant with its offset. Raises ParseError."""
    try:
        found: datetime | date | None = parse_datetime(text) if len(text) > 10 else parse_date(text)
    except ValueError:
        found = None
    if isinstance(found, datetime) and found.tzinfo is not None and found.year >= FIRST_YEAR:
        return found.astimezone(UTC)
    if isinstance(found, date) and not isinstance(found, datetime) and found.year >= FIRST_YEAR:
        return datetime.combine(found, time(), UTC)
    raise ParseError(f"{name} is a day such as 2026-10-01, or an instant with its offset, from {FIRST_YEAR} on.")


class IncidentFiguresView(ApiView):
    actions: Mapping[str, str] = {"GET": "reports.incident_view"}

    @extend_schema(
        operation_id="figures_incidents",
        parameters=[
            OpenApiParameter("from", str, description="a day or an instant; 30 days before `to`, if absent"),
            OpenApiParameter("to", str, description="a day or an instant, not included; now, if absent"),
            PLATFORM,
        ],
        responses=FiguresSerializer,
    )
    def get(self, request: Request) -> Response:
        """Median, 90th percentile, number of cases and what was left out, by reason, of each figure."""
        params = request.query_params
        try:
            until = _moment("to", params["to"]) if params.get("to") else clock.now()
            since = _moment("from", params["from"]) if params.get("from") else until - DAYS
            asked = between(since, until)
        except PeriodError as error:
            raise ParseError(str(error)) from error
        except OverflowError as error:
            raise ParseError("This time is out of range.") from error
        found = report(self.actor, asked, platform_id_said(self.actor, params.get("platform", "")))
        return Response(FiguresSerializer(_data(found, since, until)).data)
