"""The auditors' page: the trail with its filter, and as CSV."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.timezone import get_current_timezone

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.htmx import render_page
from opsportal.core.pagination import keyset_page, keyset_pages
from opsportal.core.spreadsheets import csv_lines
from opsportal.reports.audit.selectors import (
    AuditFilter,
    AuditRow,
    audit_entries,
    chain_states,
    readable_chains,
    with_names,
)

PAGE_SIZE: Final = 80
EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2199, 12, 31)
COLUMNS: Final = (
    "chain", "seq", "at_utc", "recorded_at_utc", "actor", "actor_kind", "verb", "object", "object_id", "data", "ip",
    "request_id", "hash",
)  # fmt: skip


def _date_field(label: str) -> forms.DateField:
    return forms.DateField(
        required=False,
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)],
    )


class AuditFilterForm(forms.Form):
    """The filter; every field is optional."""

    platform = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, label="Chain")
    verb = forms.CharField(max_length=120, required=False, label="Act begins with")
    obj_kind = forms.CharField(max_length=60, required=False, label="Object")
    obj_id = forms.CharField(max_length=60, required=False, label="Object's number")
    user = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, label="Person")
    since = _date_field("From")
    until = _date_field("To")

    def __init__(self, *args: Any, chains: dict[int, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(memberships__platform_id__in=chains).distinct().order_by("name", "pk")
        self.fields["platform"].choices = [("", "All"), *chains.items()]  # type: ignore[attr-defined]
        self.fields["user"].choices = [("", "Anybody"), *people.values_list("pk", "name")]  # type: ignore[attr-defined]

    def chosen(self) -> AuditFilter:
        """The filter as asked; nothing when a field cannot be read (its error is shown)."""
        if not self.is_valid():
            return AuditFilter()
        data, zone = self.cleaned_data, get_current_timezone()
        until = data["until"] + timedelta(days=1) if data["until"] else None
        return AuditFilter(
            chain=data["platform"],
            verb=data["verb"].strip(),
            obj_kind=data["obj_kind"].strip(),
            obj_id=data["obj_id"].strip(),
            user_id=data["user"],
            since=datetime.combine(data["since"], time(), zone) if data["since"] else None,
            until=datetime.combine(until, time(), zone) if until else None,
        )


@require_action("reports.audit_view")
def audit_list(request: AuthorizedRequest) -> HttpResponse:
    """The trail, latest first."""
    chains = readable_chains(request.actor)
    form = AuditFilterForm(request.GET or None, chains=chains)
    entries = audit_entries(request.actor, chains, form.chosen() if form.is_bound else AuditFilter())
    page = keyset_page(entries, order=("-at", "-pk"), cursor=request.GET.get("cursor"), size=PAGE_SIZE)
    context = {
        "form": form,
        "page": page,
        "rows": list(with_names(page.rows, chains)),
        "states": chain_states(chains),
        "zone": get_current_timezone(),
    }
    return render_page(request, "reports/audit_list.html", context, fragment="rows")


@require_action("reports.audit_export")
def audit_csv(request: AuthorizedRequest) -> HttpResponseBase:
    """The same rows as CSV, however many: chain by chain, each in the order it was written."""
    chains = readable_chains(request.actor)
    form = AuditFilterForm(request.GET or None, chains=chains)
    chosen = form.chosen() if form.is_bound else AuditFilter()
    entries = audit_entries(request.actor, chains, chosen)
    name = f"audit-{clock.now():%Y%m%d-%H%M}.csv"
    return StreamingHttpResponse(
        csv_lines(COLUMNS, _csv_rows(entries, chains)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _csv_rows(entries: QuerySet[AuditEntry], chains: dict[int, str]) -> Iterator[tuple[object, ...]]:
    for chain in chains:
        for page in keyset_pages(entries.filter(chain=chain), order=("seq",)):
            yield from map(_values, with_names(page, chains))


def _values(row: AuditRow) -> tuple[object, ...]:
    entry = row.entry
    return (
        row.chain, entry.seq, entry.at.astimezone(UTC).isoformat(), entry.recorded_at.astimezone(UTC).isoformat(),
        row.actor, entry.actor_kind, entry.verb, entry.obj_kind, entry.obj_id, row.facts, entry.ip,
        entry.request_id, bytes(entry.hash).hex(),
    )  # fmt: skip
