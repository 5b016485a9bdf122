"""What people type about dashboards: the page's own fields, and its rows of charts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from monitoring.models import MOST_CHARTS, Chart, Dashboard
from monitoring.ranges import COMPARED, SPANS, Range, instant
from opsportal.core.conflicts import Difference
from opsportal.core.formats import stamp
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionedModel

FIXED: Final = "fixed"  # the choice of range that stands for two instants


class DashboardForm(CleanForm):
    """A dashboard without its charts. `version` is 0 where it is still to be made.

    `starts_at` and `ends_at` are ISO instants of a fixed time; the choice of range offers it where they are known.
    """

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    name = forms.CharField(max_length=120)
    range = forms.ChoiceField(label="Time range")
    compare = forms.ChoiceField(
        required=False,
        label="Compare with",
        choices=[("", "nothing"), *((key, name) for key, (_, name) in COMPARED.items())],
    )
    note = forms.CharField(
        max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="What it is for."
    )
    share = forms.BooleanField(
        required=False, label="For everybody on the platform", help_text="Otherwise only you see it."
    )
    starts_at = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    ends_at = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = self.data if self.is_bound else self.initial
        span = self.fields["range"]
        assert isinstance(span, forms.ChoiceField)
        span.choices = [(key, f"last {key}") for key in SPANS] + _fixed_choice(told)
        if not may_share:
            del self.fields["share"]

    def clean_starts_at(self) -> datetime | None:
        return _instant(self.cleaned_data["starts_at"])

    def clean_ends_at(self) -> datetime | None:
        return _instant(self.cleaned_data["ends_at"])

    def reads_also(self, name: str) -> bool:
        """The merge page: the rows of charts, and the buttons beside them."""
        return name in ("do", "adding") or name.startswith("chart-")

    def differs_also(self, row: VersionedModel, posted: QueryDict) -> list[Difference]:
        """The merge page: the charts as they stand, beside those that were sent."""
        assert isinstance(row, Dashboard)
        theirs, mine = chart_lines(row.shown), chart_lines(posted_charts(posted))
        return [] if theirs == mine else [Difference("charts", "Charts", theirs, mine)]

    def values(self) -> dict[str, Any]:
        """The columns that were typed."""
        told = self.cleaned_data
        is_fixed = told["range"] == FIXED
        return {
            **{name: told[name] for name in ("name", "note", "compare")},
            "range": "" if is_fixed else told["range"],
            "starts_at": told["starts_at"] if is_fixed else None,
            "ends_at": told["ends_at"] if is_fixed else None,
        }


def _instant(text: str) -> datetime | None:
    try:
        return instant(text) if text else None
    except BadRequest as error:
        raise forms.ValidationError("This time cannot be read.") from error


def _fixed_choice(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        starts_at, ends_at = instant(told.get("starts_at") or ""), instant(told.get("ends_at") or "")
    except (BadRequest, TypeError):
        return []
    return [(FIXED, f"{stamp(starts_at)} to {stamp(ends_at)}")]


def range_initial(span: Range) -> dict[str, str]:
    """A range as the form's fields."""
    fixed = {} if span.key else {"starts_at": span.start.isoformat(), "ends_at": span.end.isoformat()}
    return {"range": span.key or FIXED, "compare": span.compare, **fixed}


def typed(data: QueryDict) -> dict[str, Any]:
    """What stands in the form, to be shown again as it is, right or wrong."""
    fields = ("version", "name", "range", "compare", "note", "starts_at", "ends_at")
    return {name: clean_text(data.get(name, "")) for name in fields} | {"share": "share" in data}


def chart_lines(charts: Sequence[Chart]) -> str:
    """The charts in words, one to a line: what stands above each, what it draws and how, what is noted of it."""
    lines = []
    for number, chart in enumerate(charts, start=1):
        metric = f"{chart.service}.{chart.metric}" if chart.metric else "no metric"
        said = [metric, chart.stat, "" if chart.limits else "without limits", chart.note and f"noted: {chart.note}"]
        title = f"{chart.title}: " if chart.title else ""
        lines.append(f"{number}. {title}{', '.join(filter(None, said))}")
    return "\n".join(lines)


def posted_charts(data: QueryDict) -> list[Chart]:
    """The rows of charts, in order: `chart-0-metric` is `service.metric`, empty where none is read."""
    found = []
    for number in range(MOST_CHARTS):
        row = {name: data.get(f"chart-{number}-{name}") for name in ("metric", "stat", "title", "note", "limits")}
        if row["metric"] is None:
            continue
        text = {name: clean_text(value or "").strip() for name, value in row.items()}
        service, _, metric = text["metric"].partition(".")
        found.append(Chart(service, metric, text["stat"], text["title"], row["limits"] is not None, text["note"]))
    return found


def rearranged(charts: Sequence[Chart], do: str, adding: str) -> tuple[list[Chart], int]:
    """The charts after one button: `up:2`, `down:2`, `remove:2`, or `add` for the metric `adding`.

    Beside them the place that the hand is at now; -1 where nothing moved.
    """
    verb, _, place = do.partition(":")
    rows = list(charts)
    if verb == "add":
        service, _, metric = adding.partition(".")
        return ([*rows, Chart(service, metric)] if metric and len(rows) < MOST_CHARTS else rows), -1
    at = int(place) if place.isascii() and place.isdigit() and len(place) <= 2 else -1
    if not 0 <= at < len(rows) or verb not in ("up", "down", "remove"):
        return rows, -1
    row = rows.pop(at)
    if verb == "remove":
        return rows, min(at, len(rows) - 1)
    to = max(0, at - 1) if verb == "up" else min(len(rows), at + 1)
    rows.insert(to, row)
    return rows, to
