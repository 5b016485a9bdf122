"""The inventory: every resource, what owns and watches it, as a page, one by one, and as CSV."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse

from monitoring.models import INVENTORY, Resource, ResourceKind
from monitoring.selectors import inventory as reads
from monitoring.selectors.services import unread_kinds
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import render_page
from opsportal.core.pagination import keyset_page, keyset_pages
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines

VIEW: Final = "monitoring.resource_view"
EXPORT: Final = "monitoring.resource_export"
RESOURCES: Final = 32  # as many as fit into 40 kB
COLUMNS: Final = (
    "kind", "identifier", "arn", "platform", "service", "account", "region", "state", "summary", "tags", "watched_by",
    "last_seen",
)  # fmt: skip
_PAGES: Final = {
    "rule": "monitoring:rule",
    "slo": "monitoring:slo",
    "probe": "monitoring:probe",
    "alarm": "monitoring:alarm",
}


def _asked(request: AuthorizedRequest) -> reads.Asked:
    chosen = selected_platform(request)
    kind, watched, text = (request.GET.get(name, "") for name in ("kind", "watched", "q"))
    return reads.asked_of(platform_id=chosen.pk if chosen else None, kind=kind, watched=watched, text=text)


@require_action(VIEW)
def resources(request: AuthorizedRequest) -> HttpResponse:
    """Every resource as last read, the worst first; what nothing watches is a filter and a figure."""
    asked = _asked(request)
    sums = reads.sums(request.actor, platform_id=asked.platform_id)
    base = reverse("monitoring:resources")
    views = [
        {"label": "Inventory", "href": base, "current": not asked.kind and not asked.watched, "count": sums.total},
        {
            "label": "Watched by nothing",
            "href": f"{base}?watched={reads.UNWATCHED}",
            "current": bool(asked.watched),
            "count": sums.unwatched,
            "kind": "high" if sums.unwatched else "",
        },
    ]
    kinds = [(kind.value, kind.label) for kind in ResourceKind if sums.by_kind.get(kind.value)]
    page = keyset_page(
        reads.inventory(request.actor, asked),
        order=reads.WORST_RESOURCES,
        cursor=request.GET.get("cursor"),
        size=RESOURCES,
    )
    narrowed = {name: value for name in ("kind", "watched", "q") if (value := request.GET.get(name))}
    context = {
        "page": page,
        "views": views,
        "kinds": [("", "Every kind of resource"), *kinds],
        "asked": asked,
        "inventory": INVENTORY,
        "export": f"{reverse('monitoring:resources-csv')}?{urlencode(narrowed)}",
        "may_export": allows(request.actor, EXPORT),
        "unread": unread_kinds(request.actor),
        "at": now(),
    }
    return render_page(request, "monitoring/resource_list.html", context, fragment="rows")


@require_action(VIEW)
def resource(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One resource: its owner, tags and watchers, and what AWS answered."""
    rows = Resource.objects.visible_to(request.actor).select_related("platform", "service", "account")
    found = permitted(request.actor, VIEW, rows, pk=pk)
    watchers = [
        {**one, "href": reverse(_PAGES[one["kind"]], args=[one["id"]]) if one["kind"] in _PAGES else ""}
        for one in found.watched_by
    ]
    context = {"resource": found, "watchers": watchers, "is_inventory": found.kind in INVENTORY, "at": now()}
    return render_page(request, "monitoring/resource_detail.html", context)


@require_action(EXPORT)
def resources_csv(request: AuthorizedRequest) -> StreamingHttpResponse:
    """The inventory as it is filtered; tags as name=value, times in UTC."""
    rows = reads.inventory(request.actor, _asked(request))
    response = StreamingHttpResponse(csv_lines(COLUMNS, _cells(rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="inventory.csv"'
    return response


def _cells(rows: QuerySet[Resource]) -> Iterator[tuple[object, ...]]:
    for page in keyset_pages(rows.defer("data"), order=reads.WORST_RESOURCES):
        for row in page:
            yield (
                row.kind,
                row.identifier,
                row.arn,
                row.platform.key if row.platform else "",
                row.service.key if row.service else "",
                row.account.account_id,
                row.region,
                row.state,
                row.summary,
                " ".join(f"{name}={value}" for name, value in sorted(row.tags.items())),
                " ".join(f"{one['kind']}:{one['name']}" for one in row.watched_by),
                row.fetched_at,
            )
