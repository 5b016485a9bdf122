"""Objectives: the list, one in depth, and the buckets behind its figures."""

from datetime import timedelta
from typing import Final, NamedTuple

from django.http import HttpResponse

from monitoring.drawings import drawings
from monitoring.models import Slo, SloTerm
from monitoring.ranges import bucket_size, range_of
from monitoring.selectors.marks import freezes, freezes_over
from monitoring.selectors.slo_counts import buckets_behind
from monitoring.selectors.slo_detail import slo_detail
from monitoring.selectors.slo_report import slo_rows, slos_of, versions_at, window_at
from monitoring.slo.periods import Period, rolling
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import render_page
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform

ROWS: Final = 45  # buckets, each with links to its points, on a page that stays below 40 kB


@require_action("monitoring.slo_view")
def slos(request: AuthorizedRequest) -> HttpResponse:
    """What is promised, what it counts, and how it stands."""
    chosen, at = selected_platform(request), now()
    platform_id = chosen.pk if chosen else None
    found = slos_of(request.actor, platform_id=platform_id)
    bound = set(SloTerm.objects.filter(slo__in=found).values_list("slo_id", flat=True))
    context = {
        "rows": slo_rows(found, rolling(at)),
        "unbound": [slo for slo in found if slo.pk not in bound],
        "frozen": freezes(request.actor, at=at, platform_id=platform_id),
    }
    return render_page(request, "monitoring/slo_list.html", context)


def _slo(request: AuthorizedRequest, pk: int) -> Slo:
    rows = Slo.objects.visible_to(request.actor).select_related("platform", "service")
    return permitted(request.actor, "monitoring.slo_view", rows, pk=pk, enabled=True)


@require_action("monitoring.slo_view")
def slo(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One objective over its own window."""
    found, at = _slo(request, pk), now()
    version = versions_at([found], at).get(found.pk)
    period: Period = window_at(version, at) if version else rolling(at)
    rows = slo_rows([found], period)
    detail = slo_detail(rows[0], period) if rows else None
    context = {
        "slo": found,
        "period": period,
        "detail": detail,
        "row": rows[0] if rows else None,
        "drawings": drawings(detail, period) if detail else None,
        "is_drawn": True,
        "versions": list(found.versions.order_by("-number")),
        "terms": list(found.terms.select_related("series").order_by("role", "pk")),
        "can_change": allows(request.actor, "monitoring.slo_change", found),
        "can_set_policy": allows(request.actor, "monitoring.budget_policy_set", found),
        "can_approve": allows(request.actor, "monitoring.slo_exclusion_approve", found),
        "person": request.actor.user_id,
        "frozen": freezes_over(request.actor, found, at),
        "can_freeze": allows(request.actor, "maintenance.freeze_set", found),
        "can_exclude": allows(request.actor, "monitoring.slo_exclusion_set", found),
        "can_void": allows(request.actor, "monitoring.slo_exclusion_void", found),
    }
    return render_page(request, "monitoring/slo_detail.html", context)


@require_action("monitoring.slo_view")
def slo_buckets(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The counted events behind a figure: `?from=&to=&res=5|60|1440`, each leading to the points it counts."""
    found, at = _slo(request, pk), now()
    span = range_of(request, at, default="24h")
    res, is_bad = bucket_size(request.GET.get("res", "")), bool(request.GET.get("bad"))
    rows = buckets_behind(found, res=res, start=span.start, end=span.end, only_bad=is_bad)
    page = keyset_page(rows, order=("-ts",), cursor=request.GET.get("cursor"), size=ROWS)
    context = {
        "slo": found,
        "span": span,
        "res": res,
        "step": timedelta(minutes=res),
        "page": page,
        "terms": _terms(found),
    }
    return render_page(request, "monitoring/slo_buckets.html", context)


class _Term(NamedTuple):
    series: int
    metric: str
    words: str


def _terms(found: Slo) -> list[_Term]:
    """What each counted series stands for; one that counts as bad and in the total is one link."""
    terms: dict[int, _Term] = {}
    rows = found.terms.order_by("role", "pk").values_list("series_id", "series__name", "role")
    for series, metric, role in rows:
        words = f"{terms[series].words} and {role}" if series in terms else role
        terms[series] = _Term(series, metric, words)
    return list(terms.values())
