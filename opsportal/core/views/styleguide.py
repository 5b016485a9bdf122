"""The style guide: every component in all its states, drawn from made-up figures."""

import math
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpResponse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.charts import Annotation, Band, Series, Threshold
from opsportal.core.htmx import render_page

PARTS: Final = {"tokens": "Tokens and state", "charts": "Charts", "controls": "Controls and messages"}


class SampleForm(forms.Form):
    """One field of each kind, some of them wrong."""

    title = forms.CharField(help_text="What people will read first.")
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why in a few words; the tick is not stored yet."},
    )
    severity = forms.ChoiceField(choices=[("1", "P0 Critical: service completely unavailable"), ("2", "P1 High")])
    mode = forms.ChoiceField(choices=[("all", "all"), ("one", "one at a time")], widget=forms.RadioSelect)
    agreed = forms.BooleanField(label="I have read the plan", required=False)


def _wave(now: datetime, minutes: int = 180) -> list[tuple[datetime, float | None]]:
    points: list[tuple[datetime, float | None]] = []
    for minute in range(minutes):
        if 60 < minute < 72:
            continue
        peak = 1600 * math.exp(-(((minute - 140) / 9) ** 4))
        points.append((now - timedelta(minutes=minutes - minute), 160 + 25 * math.sin(minute / 7) + peak))
    return points


def _sample(now: datetime) -> dict[str, Any]:
    start, month = now - timedelta(days=24), now.replace(hour=0, minute=0, second=0, microsecond=0)
    budget: list[tuple[datetime, float | None]] = [
        (start + timedelta(hours=6 * n), 100 - n * 0.3 - (22 if n > 50 else 0)) for n in range(96)
    ]
    strip = [
        (month.date() - timedelta(days=89 - n), {31: "w", 60: "f", 75: "u", 82: "m"}.get(n, "")) for n in range(90)
    ]
    return {
        "latency": [Series("P95", _wave(now))],
        "limits": [Threshold(500, "warn", label="warn 500"), Threshold(1000, "crit", label="crit 1,000")],
        "marks": [
            Annotation(now - timedelta(minutes=43), "INC-142", "incident"),
            Annotation(now - timedelta(minutes=65), "myapp 2.14.0", "deploy"),
        ],
        "spans": [
            Band(now - timedelta(minutes=121), now - timedelta(minutes=108), "no data", "nodata"),
            Band(now - timedelta(minutes=100), now - timedelta(minutes=80), "MNT-79"),
        ],
        "budget": budget,
        "period": (start, start + timedelta(days=30)),
        "heat": [
            (
                month.date() - timedelta(days=27 - n),
                None if n == 11 else [0.2, 0.3, 4.1, 0.4, 0.2][n % 5] * (9 if n == 27 else 1),
            )
            for n in range(28)
        ],
        "strip": [(day, kind, kind or "good") for day, kind in strip],
        "wave": [value for _, value in _wave(now)],
    }


@require_action("core.styleguide_view")
def styleguide(request: AuthorizedRequest) -> HttpResponse:
    """GET /styleguide/?part=tokens|charts|controls: tokens and components in every state."""
    now = clock.now()
    form = SampleForm(data={"title": "Web API error rate above 5 %", "severity": "1", "mode": "all"})
    form.is_valid()
    wanted = request.GET.get("part", "")
    part = wanted if wanted in PARTS else "tokens"
    views = [{"label": label, "href": f"?part={key}", "current": key == part} for key, label in PARTS.items()]
    context = {"now": now, "part": part, "views": views, "form": form, "sample": _sample(now)}
    context["minute"] = timedelta(minutes=1)
    return render_page(request, "core/styleguide.html", context)
