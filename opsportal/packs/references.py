"""What a schema cannot say: keys used once, names that lead somewhere, rules and zones that exist."""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from incidents.choices import IncidentType
from maintenance.jobs.registry import PLANNERS
from monitoring.evidence.registry import registered_checks
from monitoring.insights.lint import lint_query
from monitoring.thresholds import Threshold, ThresholdError
from opsportal.knowledge.runbooks.step_kinds import problems_of
from opsportal.knowledge.runbooks.text import parse
from opsportal.packs.documents import FieldPath, Problem
from opsportal.packs.kinds.objective import COMPARISONS
from opsportal.packs.pack import Pack, PackItem
from opsportal.schedule.recurrence import Rule, RuleError, next_slot


def reference_problems(pack: Pack) -> list[Problem]:
    """Every reference inside `pack` that leads nowhere, in file order."""
    names = _Names(pack)
    problems = [*_repeated(pack)]
    for item in pack.items:
        problems += names.problems(item)
    return sorted(problems)


def _repeated(pack: Pack) -> Iterator[Problem]:
    counts = Counter((item.kind, item.key) for item in pack.items)
    for item in pack.items:
        if counts[item.kind, item.key] > 1:
            yield item.problem(("key",), f"{item.kind} {item.key} is declared more than once")


class _Names:
    """The names a pack declares, and the complaints about names it does not."""

    def __init__(self, pack: Pack) -> None:
        self.environments = {item.key for item in pack.of("environment")}
        self.services = {item.key for item in pack.of("service")}
        self.metrics = {item.key: item.data["stats"] for item in pack.of("metric")}
        self.calendars = {item.key for item in pack.of("calendar")}
        self.windows = {item.key for item in pack.of("window")}
        self.jobs = {item.key for item in pack.of("job")}
        self.thresholds = {item.key for item in pack.of("threshold")}
        self.labels = {
            item.key: {level["label"] for level in item.data["levels"]} for item in pack.of("severity-scheme")
        }
        self.ranks = {item.key: {level["rank"] for level in item.data["levels"]} for item in pack.of("severity-scheme")}
        self.zones: AbstractSet[object] = available_timezones()
        self.checks = registered_checks()

    def problems(self, item: PackItem) -> Iterator[Problem]:
        yield from self._common(item)
        own = {
            "severity-scheme": _ranks,
            "severity-alias": self._alias,
            "clock": self._clock,
            "threshold": self._threshold,
            "slo": self._metrics,
            "checklist": self._checks,
            "window": self._window,
            "job": self._job,
            "runbook": self._runbook,
            "log-query": _question,
            "dashboard": self._charts,
        }.get(item.kind)
        if own is not None:
            yield from own(item)

    def _alias(self, item: PackItem) -> Iterator[Problem]:
        known = self.ranks.get(item.data["scheme"], set())
        yield from self._name(item, ("rank",), item.data["rank"], known, "level of that scheme")

    def _clock(self, item: PackItem) -> Iterator[Problem]:
        known = self.labels.get("incident", set())
        yield from self._name(item, (), item.key.rsplit(".", 1)[0], known, "label of the incident scheme")
        if item.data.get("due_rule") == "next_business_day" and "calendar" not in item.data:
            yield item.problem(("due_rule",), "needs a calendar that says what a business day is")

    def _threshold(self, item: PackItem) -> Iterator[Problem]:
        labels = self.labels.get("alert", set())
        yield from self._name(item, ("severity",), item.data["severity"], labels, "label of the alert scheme")
        if item.data["datapoints"] > item.data["evaluation_periods"]:
            yield item.problem(("datapoints",), "must not be more than evaluation_periods")
        yield from _limits(item)
        yield from self._metrics(item)

    def _window(self, item: PackItem) -> Iterator[Problem]:
        for index, service in enumerate(item.data.get("services", ())):
            yield from self._name(item, ("services", index), service, self.services, "service")

    def _job(self, item: PackItem) -> Iterator[Problem]:
        yield from self._name(item, ("window",), item.data["window"], self.windows, "window")
        yield from self._name(item, ("kind",), item.data["kind"], set(PLANNERS), "kind of job")

    def _runbook(self, item: PackItem) -> Iterator[Problem]:
        for field, known, what in (
            ("alarms", self.thresholds, "threshold"),
            ("services", self.services, "service"),
            ("types", set(IncidentType.values), "type of incident"),
        ):
            for index, value in enumerate(item.data.get(field, ())):
                yield from self._name(item, (field, index), value, known, what)
        if not item.data["body"]:
            if "note" not in item.data:
                yield item.problem((), "has no text; a note says what the guide has of it")
            return
        first = item.document.line(("body",))
        for found in problems_of(item.data["body"]):
            if found.is_error:
                yield Problem(item.document.file, first + found.line - 1, "body", found.text)
        for step in parse(item.data["body"]).steps:
            if "metric" in step.params:
                key = f"{step.params['metric'].get('service')}.{step.params['metric'].get('metric')}"
                if key not in self.metrics:
                    yield Problem(item.document.file, first + step.line - 1, "body", f"there is no metric {key}")

    def _common(self, item: PackItem) -> Iterator[Problem]:
        data = item.data
        for field, known in (
            ("environment", self.environments),
            ("service", self.services),
            ("calendar", self.calendars),
            ("zone", self.zones),
        ):
            if field in data:
                yield from self._name(item, (field,), data[field], known, field)
        schedule = data.get("schedule")
        if schedule:
            if "zone" in schedule:
                yield from self._name(item, ("schedule", "zone"), schedule["zone"], self.zones, "zone")
            yield from _rule(item, schedule["cron"])

    def _name(
        self, item: PackItem, field: FieldPath, value: object, known: AbstractSet[object], what: str
    ) -> Iterator[Problem]:
        if value not in known:
            yield item.problem(field, f"{value!r} is no {what}" + _near(known))

    def _metrics(self, item: PackItem) -> Iterator[Problem]:
        service = item.data["service"]
        used: list[tuple[FieldPath, str]] = []
        if "metric" in item.data:
            used.append((("metric",), item.data["metric"]))
        if "latency" in item.data:
            used.append((("latency", "metric"), item.data["latency"]["metric"]))
        for role in ("bad", "total"):
            used += [((role, index), key) for index, key in enumerate(item.data.get(role, ()))]
        for field, key in used:
            if f"{service}.{key}" not in self.metrics:
                yield item.problem(field, f"{service} has no metric {key!r}")

    def _charts(self, item: PackItem) -> Iterator[Problem]:
        for index, chart in enumerate(item.data["charts"]):
            place: FieldPath = ("charts", index)
            if chart.get("service", "") not in self.services:
                if "metric" in chart:
                    yield from self._name(item, (*place, "service"), chart["service"], self.services, "service")
                continue
            stats = self.metrics.get(f"{chart['service']}.{chart['metric']}")
            if stats is None:
                yield item.problem((*place, "metric"), f"{chart['service']} has no metric {chart['metric']!r}")
            elif "stat" in chart:
                yield from self._name(item, (*place, "stat"), chart["stat"], set(stats), "statistic of that metric")

    def _checks(self, item: PackItem) -> Iterator[Problem]:
        keys = Counter(entry["key"] for entry in item.data["items"])
        for index, entry in enumerate(item.data["items"]):
            if keys[entry["key"]] > 1:
                yield item.problem(("items", index, "key"), f"{entry['key']} stands in this list more than once")
            for number, check in enumerate(entry.get("checks", ())):
                place: FieldPath = ("items", index, "checks", number)
                yield from self._name(item, (*place, "check"), check["check"], set(self.checks), "evidence check")
                params = check.get("params", {})
                yield from self._params(item, (*place, "params"), check["check"], params)
                service, metric = params.get("service"), params.get("metric")
                if service and metric and f"{service}.{metric}" not in self.metrics:
                    yield item.problem((*place, "params", "metric"), f"{service} has no metric {metric!r}")
                if "job" in params:
                    yield from self._name(item, (*place, "params", "job"), params["job"], self.jobs, "job")

    def _params(self, item: PackItem, place: FieldPath, name: str, params: Mapping[str, Any]) -> Iterator[Problem]:
        known = self.checks[name].params if name in self.checks else params
        for param, value in params.items():
            if param not in known:
                yield item.problem((*place, param), f"{name} takes no {param!r}" + _near(set(known)))
            elif name in self.checks and not _fits(value, known[param]):
                yield item.problem((*place, param), f"must be a {known[param].__name__}")


def _fits(value: object, wanted: type) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, int | float) if wanted is float else isinstance(value, wanted)


def _question(item: PackItem) -> Iterator[Problem]:
    for found in lint_query(item.data["text"]):
        yield item.problem(("text",), f"line {found.line}: {found.text}")


def _ranks(item: PackItem) -> Iterator[Problem]:
    for name in ("rank", "label"):
        counts = Counter(level[name] for level in item.data["levels"])
        for index, level in enumerate(item.data["levels"]):
            if counts[level[name]] > 1:
                yield item.problem(("levels", index, name), f"{level[name]} is used more than once")


def _limits(item: PackItem) -> Iterator[Problem]:
    """Limits that contradict each other."""
    data, other = item.data, item.data.get("other_side", {})
    try:
        Threshold(
            comparison=COMPARISONS[data["comparison"]],
            value=data["value"],
            clear_value=data.get("clear_value"),
            warning=data.get("warning"),
            opposite=other.get("value"),
            opposite_warning=other.get("warning"),
        )
    except ThresholdError as error:
        yield item.problem(("value",), str(error))


def _rule(item: PackItem, cron: str) -> Iterator[Problem]:
    try:
        slot = next_slot(Rule(cron=cron, zone="UTC"), datetime(2026, 1, 1, tzinfo=UTC))
    except RuleError as error:
        yield item.problem(("schedule", "cron"), str(error))
    else:
        if slot is None:
            yield item.problem(("schedule", "cron"), f"{cron!r} never comes")


def _near(known: AbstractSet[object]) -> str:
    few = 12
    return f"; known are {', '.join(sorted(map(str, known)))}" if 0 < len(known) <= few else ""
