"""Settings → Clock rules: what runs for which severity, and an admin's change of it, seen before it is saved."""

import hashlib
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from incidents import clocks
from incidents.choices import ClockKind
from incidents.errors import IncidentError
from incidents.forms.clock_rules import ClockRuleForm
from incidents.selectors.clock_rules import RuleRow, clock_rule_of, clock_rules_of
from incidents.services.clock_rules import changes_of, clock_rule_set, said_of
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.formats import day
from opsportal.core.gate import HiddenError, allows, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Platform, SchemeKind, Severity

VIEW, CHANGE = "incidents.clock_rule_view", "incidents.clock_rule_change"
LABELS: Final = {
    "minutes": "Time", "calendar": "Hours", "due_rule": "Due", "due_on": "Sprint ends", "warn_share": "Warns",
    "may_pause": "May be paused", "text": "The guide's words", "note": "Why",
}  # fmt: skip


@require_action(VIEW)
def clock_rules(request: AuthorizedRequest) -> HttpResponse:
    """Every clock of every severity of one platform: the selected one, else the first."""
    platforms = list(Platform.objects.visible_to(request.actor).order_by("name", "pk"))
    selected = selected_platform(request)
    chosen = next((row for row in platforms if selected and row.pk == selected.pk), platforms[0] if platforms else None)
    context = {
        "platform": chosen,
        "platforms": [
            {"label": row.name, "href": f"?platform={row.key}", "current": row == chosen} for row in platforms
        ],
        "found": clock_rules_of(chosen) if chosen else [],
        "may_change": chosen is not None and allows(request.actor, CHANGE, chosen),
    }
    return render_page(request, "incidents/clock_rules.html", context)


def _load(request: AuthorizedRequest, pk: int, kind: str) -> RuleRow:
    rows = Severity.objects.filter(scheme__kind=SchemeKind.INCIDENT).select_related("scheme__platform")
    severity = rows.filter(pk=pk, scheme__platform__in=Platform.objects.visible_to(request.actor)).first()
    if severity is None or kind not in ClockKind.values:
        raise HiddenError(CHANGE)
    authorize(request.actor, CHANGE, severity.scheme)
    return clock_rule_of(severity, ClockKind(kind))


@require_action(CHANGE, methods=READ_WRITE)
@idempotent
def clock_rule(request: AuthorizedRequest, severity: int, kind: str) -> HttpResponse:
    """Change one rule. What is sent is shown against what stands; sent again as it was shown, it is saved."""
    row = _load(request, severity, kind)
    said = said_of(row.policy) if row.policy is not None else {}
    platform_id = row.severity.scheme.platform_id
    initial = {**said, "version": row.policy.version if row.policy is not None else 0, "note": ""}
    posted = request.POST if request.method == "POST" else None
    form, status = ClockRuleForm(posted, initial=initial, platform_id=platform_id), 200
    changes: list[tuple[str, Any, Any]] = []
    if posted is not None:
        status = 422
        if form.is_valid():
            values = form.values()
            changes = changes_of({**said, "note": ""} if said else {}, values)
            if posted.get("shown") == _digest(values):
                try:
                    clock_rule_set(
                        by=request.actor, at=now(), severity=row.severity, kind=row.kind,
                        expected=form.cleaned_data["version"], values=values,
                    )  # fmt: skip
                except IncidentError as error:
                    form.add_error(None, str(error))
                else:
                    messages.success(request, f"{row.severity.label} {row.kind.label.lower()}: saved.")
                    return redirect_or_fragment(request, reverse("incidents:clock-rules"))
            else:
                status = 200
    context = {
        "row": row,
        "form": form,
        "changes": [(LABELS[name], _words(name, old), _words(name, new)) for name, old, new in changes],
        "shown": _digest(form.values()) if changes else "",
        "key": new_key(),
        "default_warning": clocks.WARN_SHARE,
    }
    return render_page(request, "incidents/clock_rule.html", context, status=status)


def _digest(values: dict[str, Any]) -> str:
    """Names exactly these values, so that what is saved is what was shown."""
    return hashlib.sha256(repr([(name, str(value)) for name, value in sorted(values.items())]).encode()).hexdigest()


def _words(name: str, value: Any) -> str:
    if name == "calendar":
        return value.name if value is not None else "around the clock"
    if value is None or value == "":
        return "portal default" if name == "warn_share" else "–"
    if name == "minutes":
        return clocks.words(value)
    if name == "warn_share":
        return f"after {value:.0%} of the time"
    if name == "due_on":
        return day(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ") if name == "due_rule" else str(value)
