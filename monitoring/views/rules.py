"""Alarm rules: the list, and an admin's change of one, seen against the last 30 days before it is saved."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from markupsafe import Markup

from monitoring.charting import limits_of
from monitoring.evaluation import limits_text
from monitoring.forms.rules import RuleForm, SwitchForm
from monitoring.models import AlarmRule
from monitoring.preview import Preview, rule_preview
from monitoring.selectors.rules import declared_words, rule_rows
from monitoring.services.rules import FIELDS, RuleError, alarm_rule_save, alarm_rule_switch, rule_of
from opsportal.core import charts
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.formats import number
from opsportal.core.forms import bounded_int
from opsportal.core.gate import HiddenError, authorize, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.platforms.declared import declared
from opsportal.platforms.models import Platform

VIEW, CHANGE = "monitoring.alarm_rule_view", "monitoring.alarm_rule_change"
LISTED: Final = 20  # stretches of a preview
DRAWN: Final = 1_000  # pairs of extremes; a chart is 640 pixels wide
LABELS: Final = {
    "name": "Name", "service": "Service", "signal": "Signal", "indicator": "Judges", "stat": "Statistic",
    "period": "Period, s", "datapoints": "Periods beyond", "window": "of", "comparison": "Direction",
    "threshold": "Critical limit", "clear_threshold": "Back only past", "warn_threshold": "Warning limit",
    "opposite_threshold": "Critical limit, other side", "opposite_warn": "Warning limit, other side",
    "clear_periods": "Back after periods", "measure": "Limits are", "unit": "Unit", "missing": "Without data",
    "severity": "Severity", "poll_every": "Read every, s", "opens_incident": "Opens an incident",
    "grouped": "Joins its service's incident", "flap_changes": "Flapping above", "flap_minutes": "within, min",
    "enabled": "In force", "note": "Why",
}  # fmt: skip


@require_action(VIEW)
def rules(request: AuthorizedRequest) -> HttpResponse:
    """Every rule of the platforms in sight, with its alarm, its source and what its pack says of it."""
    at, chosen = now(), selected_platform(request)
    found = rule_rows(request.actor, at=at, platform_id=chosen.pk if chosen else None, cursor=request.GET.get("cursor"))
    context = {
        "page": found.page,
        "drifted": found.drifted,
        "may_change": platforms_where(request.actor, CHANGE),
        "at": at,
    }
    return render_page(request, "monitoring/rule_list.html", context)


def _loaded(request: AuthorizedRequest, pk: int) -> AlarmRule:
    rows = AlarmRule.objects.visible_to(request.actor).select_related("platform", "service", "severity")
    return permitted(request.actor, CHANGE, rows, pk=pk)


@require_action(CHANGE, methods=READ_WRITE)
@idempotent
def rule_new(request: AuthorizedRequest) -> HttpResponse:
    """Make a rule of the selected platform, from nothing or as a copy (`?copy=ID`)."""
    copied = bounded_int(request.GET.get("copy", ""))
    like = _loaded(request, copied) if copied is not None else None
    allowed = platforms_where(request.actor, CHANGE)
    selected = selected_platform(request)
    rows = Platform.objects.filter(pk__in=allowed).order_by("name", "pk")
    platform = (
        like.platform if like else next((row for row in rows if selected and row.pk == selected.pk), rows.first())
    )
    if platform is None:
        raise HiddenError(CHANGE)
    authorize(request.actor, CHANGE, platform)
    return _editor(request, platform, None, like)


@require_action(CHANGE, methods=READ_WRITE)
@idempotent
def rule(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change one rule. What is sent is shown against the last 30 days; sent again as it was shown, it is saved."""
    found = _loaded(request, pk)
    return _editor(request, found.platform, found, found)


def _editor(
    request: AuthorizedRequest, platform: Platform, changed: AlarmRule | None, like: AlarmRule | None
) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form, status, at = RuleForm(posted, platform=platform, like=like, is_new=changed is None), 200, now()
    preview: Preview | None = None
    candidate: AlarmRule | None = None
    if posted is not None:
        status = 422
        if form.is_valid():
            values = form.values()
            candidate = rule_of(platform, values)
            if posted.get("shown") == _digest(values):
                try:
                    saved = alarm_rule_save(
                        by=request.actor, at=at, platform=platform, expected=form.cleaned_data["version"],
                        values=values, rule=changed,
                    )  # fmt: skip
                except RuleError as error:
                    form.add_error(None, str(error))
                else:
                    messages.success(request, f"{saved.name}: saved, judged from the next period on.")
                    return redirect_or_fragment(request, reverse("monitoring:rule", args=[saved.pk]))
            else:
                status = 200
            preview = rule_preview(candidate, at=at)
    said = declared("threshold", [platform.pk]).get((platform.pk, changed.key)) if changed else None
    context = {
        "rule": changed,
        "platform": platform,
        "form": form,
        "changes": _changes(changed, candidate) if candidate and changed else [],
        "preview": preview,
        "drawing": _drawing(candidate, preview) if candidate and preview and not preview.refusal else "",
        "line": limits_text(candidate) if candidate else "",
        "unit": candidate.unit if candidate else "",
        "listed": LISTED,
        "shown": _digest(form.values()) if preview and not form.errors else "",
        "declared": said,
        "declared_words": declared_words(said.fields) if said else "",
        "action": request.get_full_path(),
        "key": new_key(),
        "at": at,
    }
    return render_page(request, "monitoring/rule_edit.html", context, status=status)


@require_action(CHANGE, methods=("POST",))
@idempotent
def rule_switch_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Switch a rule on or off, with the reason."""
    found = _loaded(request, pk)
    form = SwitchForm(request.POST)
    if form.is_valid():
        is_on = form.cleaned_data["on"]
        try:
            alarm_rule_switch(
                by=request.actor, at=now(), rule=found, expected=form.cleaned_data["version"], is_on=is_on,
                note=form.cleaned_data["note"],
            )  # fmt: skip
        except RuleError as error:
            messages.error(request, f"Nothing was changed: {error}")
        else:
            messages.success(request, f"{found.name} is {'in force' if is_on else 'switched off'}.")
    else:
        messages.error(request, "Nothing was changed: say why the rule is switched.")
    return redirect_or_fragment(request, reverse("monitoring:rule", args=[found.pk]))


def _digest(values: Mapping[str, Any]) -> str:
    """Names exactly these values, so that what is saved is what was shown."""
    return hashlib.sha256(repr([(name, str(value)) for name, value in sorted(values.items())]).encode()).hexdigest()


def _changes(before: AlarmRule, after: AlarmRule) -> list[tuple[str, str, str]]:
    pairs = ((name, _words(before, name), _words(after, name)) for name in FIELDS)
    return [(LABELS[name], old, new) for name, old, new in pairs if old != new]


def _words(row: AlarmRule, name: str) -> str:
    value = getattr(row, name)
    if name in ("comparison", "missing", "measure"):
        return str(getattr(row, f"get_{name}_display")())
    if name == "indicator":
        terms = [("", value["value"])] if "value" in value else [(r, t) for r in ("bad", "total") for t in value[r]]
        return ", ".join(f"{role} {term['metric']}".strip() for role, term in terms)
    if name in ("service", "severity"):
        return str(getattr(value, "name" if name == "service" else "label", "–"))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None or value == "" else number(value) if isinstance(value, float) else str(value)


def _drawing(candidate: AlarmRule, preview: Preview) -> Markup:
    """The month's figures with the stretches beyond a limit; a line marks where the rule would have fired."""
    beyond = [stretch for stretch in preview.stretches if stretch.state in ("warning", "alarm")]
    bands = [charts.Band(one.starts_at, one.ends_at, "", one.state) for one in beyond[-200:]]  # type: ignore[arg-type]
    fired = [charts.Annotation(one.starts_at, "", "incident") for one in preview.of("alarm")[-60:]]
    return charts.line_chart(
        [charts.Series(candidate.stat, preview.thinned(DRAWN))],
        title=f"{candidate.name}, {candidate.stat}, the last 30 days",
        unit=candidate.unit,
        start=preview.starts_at,
        end=preview.ends_at,
        thresholds=limits_of(candidate),
        annotations=fired,
        bands=bands,
    )
