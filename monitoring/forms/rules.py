"""Parsing of an alarm rule as people write one: limits by side and level, one metric or a share."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms

from monitoring.models import AlarmRule, Measure, Missing, ServiceMetric
from monitoring.services.rules import MOST_PERIODS, RuleError, rule_of, stats_known
from opsportal.core.forms import BIGGEST, CleanForm, VersionedForm
from opsportal.platforms.models import Platform, SchemeKind, Severity

KEEP: Final = "keep"
SHARE_SIGNAL: Final = "error-rate"
SHARE: Final = {"stat": "Sum", "unit": "Percent", "signal": SHARE_SIGNAL}
PERIODS: Final = ((60, "1 minute"), (300, "5 minutes"), (3600, "1 hour"))
TEXTS: Final = ("name", "period", "datapoints", "window", "clear_periods", "measure", "missing", "severity",
                "opens_incident", "grouped", "flap_changes", "flap_minutes", "note")  # fmt: skip


def _limit(label: str, hint: str = "") -> forms.FloatField:
    return forms.FloatField(
        label=label, required=False, help_text=hint, widget=forms.NumberInput(attrs={"step": "any"})
    )


def _count(label: str, low: int, high: int, hint: str = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=low, max_value=high, help_text=hint)


class RuleForm(CleanForm):
    """A rule of one platform. `version` 0 is one that is not there yet."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=160, label="Name", help_text="What is wrong, as it stands in the page and the call."
    )
    metric = forms.ChoiceField(label="Metric", required=False)
    stat = forms.ChoiceField(label="Statistic", required=False)
    bad = forms.MultipleChoiceField(label="Bad events", required=False)
    total = forms.MultipleChoiceField(label="All events", required=False)
    measure = forms.ChoiceField(
        label="Limits are", choices=Measure.choices,
        help_text="A baseline is the same hour (UTC) of the last 28 days; it needs 14 of them.",
    )  # fmt: skip
    high_critical = _limit("Critical above")
    high_warning = _limit("Warning above")
    low_warning = _limit("Warning below")
    low_critical = _limit("Critical below")
    inclusive = forms.BooleanField(label="At the limit counts too", required=False)
    clear_threshold = _limit("Back only past", "Of the first critical limit; the others ease by the same margin.")
    clear_periods = _count("Back after", 0, MOST_PERIODS, "Periods in a row; 0: as soon as too few are beyond it.")
    period = forms.TypedChoiceField(label="Period", choices=PERIODS, coerce=int)
    datapoints = _count("Periods beyond the limit", 1, MOST_PERIODS, "As many as are looked at: for that whole time.")
    window = _count("of periods looked at", 1, MOST_PERIODS)
    missing = forms.ChoiceField(label="A period without data is", choices=[("", "Choose"), *Missing.choices])
    severity = forms.ModelChoiceField(label="Severity when critical", queryset=Severity.objects.none())
    opens_incident = forms.BooleanField(label="Opens an incident when critical", required=False)
    grouped = forms.BooleanField(label="Joins the incident of its service's other symptoms", required=False)
    flap_changes = _count("Flapping after more changes than", 0, 100, "0: never.")
    flap_minutes = _count("within minutes", 1, 1440)
    note = forms.CharField(label="Why", max_length=600, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, data: Any = None, *, platform: Platform, like: AlarmRule | None = None, is_new: bool) -> None:
        self.platform, self.like = platform, like
        self.metrics = {
            str(one.pk): one
            for one in ServiceMetric.objects.filter(platform=platform)
            .select_related("service")
            .order_by("service__key", "position", "pk")
        }
        super().__init__(data, initial=self._initial(is_new=is_new))
        choices = [(key, f"{one.service.key}: {one.name} ({one.metric})") for key, one in self.metrics.items()]
        kept = [(KEEP, "As it stands")] if like is not None and self.initial["metric"] == KEEP else []
        self._choose("metric", [("", "A share of events, below"), *kept, *choices])
        self._choose("stat", [(name, name) for name in stats_known()])
        for role in ("bad", "total"):
            self._choose(role, choices)
            self.fields[role].widget.attrs["size"] = 6
        severities = Severity.objects.filter(scheme__platform=platform, scheme__kind=SchemeKind.ALERT)
        self.fields["severity"].queryset = severities.order_by("rank", "pk")  # type: ignore[attr-defined]

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _initial(self, *, is_new: bool) -> dict[str, Any]:
        like = self.like
        if like is None:
            return {"version": 0, "stat": "Average", "period": 300, "datapoints": 2, "window": 2, "clear_periods": 0,
                    "measure": Measure.VALUE, "flap_changes": 6, "flap_minutes": 60, "grouped": True,
                    "metric": next(iter(self.metrics), "")}  # fmt: skip
        values: dict[str, Any] = {name: getattr(like, name) for name in TEXTS if name not in ("severity", "note")}
        values |= {"severity": like.severity_id, "version": 0 if is_new else like.version}
        values |= {"note": like.note, "name": f"{like.name} (copy)"} if is_new else {}
        own = ("high_critical", "high_warning"), ("low_critical", "low_warning")
        main, other = own if like.comparison in ("gt", "ge") else own[::-1]
        values |= dict(zip(main, (like.threshold, like.warn_threshold), strict=True))
        values |= dict(zip(other, (like.opposite_threshold, like.opposite_warn), strict=True))
        values |= {"inclusive": like.comparison in ("ge", "le"), "clear_threshold": like.clear_threshold}
        if "value" in like.indicator:
            key = self._key_of(like.indicator["value"])
            return {**values, "metric": key or KEEP, "stat": like.stat}
        roles = {role: [self._key_of(term) for term in like.indicator[role]] for role in ("bad", "total")}
        known = all(key for keys in roles.values() for key in keys)
        return {**values, **(roles if known else {}), "metric": "" if known else KEEP, "stat": like.stat}

    def _key_of(self, term: Mapping[str, Any]) -> str:
        """The platform's own metric that a term reads, of the rule's service first."""
        service_id = self.like.service_id if self.like else None
        found = [key for key, one in self.metrics.items() if _reads(one, term)]
        return min(found, key=lambda key: self.metrics[key].service_id != service_id, default="")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            rule_of(self.platform, self.values())
        except RuleError as error:
            self.add_error(None, str(error))
        return cleaned

    def values(self) -> dict[str, Any]:
        """The rule's fields. Raises RuleError."""
        said = self.cleaned_data
        values = {name: said[name] for name in TEXTS} | self._limits() | self._judged()
        values["poll_every"] = 60 if said["period"] == 60 else self.like.poll_every if self.like else 300
        return {
            **values,
            "clear_threshold": said["clear_threshold"],
            "enabled": self.like.enabled if self.like else True,
        }

    def _limits(self) -> dict[str, Any]:
        said = self.cleaned_data
        is_high = said["high_critical"] is not None
        if not is_high and said["low_critical"] is None:
            raise RuleError("Give at least one critical limit.")
        main, other = ("high", "low") if is_high else ("low", "high")
        return {
            "comparison": ("g" if is_high else "l") + ("e" if said["inclusive"] else "t"),
            "threshold": said[f"{main}_critical"],
            "warn_threshold": said[f"{main}_warning"],
            "opposite_threshold": said[f"{other}_critical"],
            "opposite_warn": said[f"{other}_warning"],
        }

    def _judged(self) -> dict[str, Any]:
        """What is judged: one metric, a share, or what the rule reads already."""
        said, like = self.cleaned_data, self.like
        if said["metric"] == KEEP and like is not None:
            return {name: getattr(like, name) for name in ("indicator", "stat", "unit", "signal", "service")}
        if said["metric"]:
            one = self.metrics[said["metric"]]
            stat = said["stat"] or "Average"
            judged: dict[str, Any] = {"indicator": {"value": _term(one, stat)}, "stat": stat, "unit": one.unit}
            judged["signal"] = one.key
        else:
            roles = {role: [self.metrics[key] for key in said[role]] for role in ("bad", "total")}
            if not roles["bad"] or not roles["total"]:
                raise RuleError("Choose a metric, or the bad events and all events of a share.")
            one = roles["total"][0]
            judged = {**SHARE, "indicator": {role: [_term(m, "Sum") for m in chosen] for role, chosen in roles.items()}}
        if like is not None and like.service_id == one.service_id and _same(like.indicator, judged["indicator"]):
            judged["signal"] = like.signal
        return {**judged, "service": one.service}


def _reads(metric: ServiceMetric, term: Mapping[str, Any]) -> bool:
    said = (term.get("namespace"), term.get("metric"), dict(term.get("dimensions") or {}))
    return said == (metric.namespace, metric.metric, dict(metric.dimensions)) and "below" not in term


def _term(metric: ServiceMetric, stat: str) -> dict[str, Any]:
    term = {"namespace": metric.namespace, "metric": metric.metric, "dimensions": metric.dimensions, "stat": stat}
    return {**term, "region": metric.region} if metric.region else term


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two indicators read the same metrics, whatever the statistic."""

    def metrics(indicator: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        terms: Iterable[tuple[str, Any]] = (
            (role, term) for role, said in indicator.items() for term in (said if isinstance(said, list) else [said])
        )
        return sorted((role, term["metric"], repr(sorted(term["dimensions"].items()))) for role, term in terms)

    return metrics(one) == metrics(other)


class SwitchForm(VersionedForm):
    """Whether a rule is in force, and why."""

    on = forms.BooleanField(required=False)
    note = forms.CharField(max_length=600, label="Why")
