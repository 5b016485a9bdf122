"""Steps of a runbook that monitoring carries out: evidence checks, metrics, log lines, SQL that only reads."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from monitoring.evidence.registry import registered_checks
from monitoring.evidence.runner import run_check
from monitoring.evidence.sources import SERIES_STALE
from monitoring.logs import LogsError, ask_logs, log_problem
from monitoring.models import ServiceMetric, TargetDatabase
from monitoring.selectors.points import stat_values
from opsportal.core.formats import number, plural
from opsportal.knowledge.runbooks.lint import sql_problem
from opsportal.knowledge.runbooks.step_kinds import MAX_ROWS, Question, StepAnswer, register_step
from opsportal.knowledge.runbooks.text import StepKind
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import DatabaseTargetError, read_rows

STATS: Final = ("Average", "Sum", "Maximum", "Minimum", "SampleCount", "p50", "p90", "p95", "p99")
PERIOD: Final = 300
MAX_MINUTES: Final = 24 * 60


def check_problem(params: Mapping[str, Any]) -> str:
    """Why this check cannot be run, or ""."""
    known = registered_checks().get(str(params.get("check", "")))
    if known is None:
        return f"There is no check named {params.get('check', '')}."
    unfit = sorted(set(params.get("params", {})) - set(known.params))
    return f"{known.name} takes no {unfit[0]}." if unfit else ""


def check_ask(question: Question) -> StepAnswer:
    """Run an evidence check; its result is kept among the evidence as well."""
    params = question.params
    result = run_check(
        platform=question.platform,
        name=params["check"],
        params=params.get("params", {}),
        at=question.at,
        by=question.by,
    )
    return StepAnswer(result.verdict, result.summary, result.fetched_at)


def query_problem(params: Mapping[str, Any]) -> str:
    """Why this query cannot be asked, or ""."""
    if "sql" in params:
        return sql_problem(str(params["sql"]))
    if "logs" in params:
        return log_problem(params["logs"])
    metric = params.get("metric", {})
    missing = [name for name in ("service", "metric") if not isinstance(metric.get(name), str)]
    if missing:
        return f"A metric names its {missing[0]}."
    if metric.get("stat", "Average") not in STATS:
        return f"stat is one of {', '.join(STATS)}."
    minutes = metric.get("minutes", 60)
    if not isinstance(minutes, int) or not 5 <= minutes <= MAX_MINUTES:
        return f"minutes is between 5 and {MAX_MINUTES}."
    return ""


def query_ask(question: Question) -> StepAnswer:
    """A metric's stored figures, the rows of a SELECT, or lines of a service's log."""
    if "logs" in question.params:
        return _lines(question)
    return _rows(question) if "sql" in question.params else _figures(question)


def _lines(question: Question) -> StepAnswer:
    asked = question.params["logs"]
    try:
        found = ask_logs(
            platform_id=question.platform.pk,
            service=asked["service"],
            text=asked["query"],
            minutes=asked.get("minutes", 30),
            at=question.at,
            limit=MAX_ROWS,
        )
    except LogsError as error:
        return StepAnswer("unknown", str(error)[:300], question.at)
    columns = list(dict.fromkeys(name for row in found.rows for name in row))
    shown = [[row.get(name, "") for name in columns] for row in found.rows]
    said = f"{len(found.rows)} lines of {', '.join(found.groups)}"
    if found.missed:
        said = f"Not all answered ({' '.join(found.missed)}). {said}"
    return StepAnswer("unknown" if found.missed else "", said[:300], question.at, columns, shown)


def _figures(question: Question) -> StepAnswer:
    asked = question.params["metric"]
    rows = ServiceMetric.objects.filter(platform=question.platform, service__key=asked["service"], key=asked["metric"])
    metric = rows.select_related("series").first()
    if metric is None or metric.series is None:
        return StepAnswer("unknown", f"{asked['metric']} of {asked['service']} is not read.", question.at)
    stat, start = asked.get("stat", "Average"), question.at - timedelta(minutes=asked.get("minutes", 60))
    points = stat_values(series=metric.series, stat=stat, period=PERIOD, start=start, end=question.at)
    mark = metric.series.watermark
    if not points or mark is None or question.at - mark > SERIES_STALE:
        return StepAnswer("unknown", f"{metric.name}: no fresh datapoint.", mark or question.at)
    values = [value for _, value in points]
    newest, low, high = (number(value, metric.unit) for value in (values[-1], min(values), max(values)))
    summary = f"{metric.name} {stat}: {newest} now, {low} to {high} in {asked.get('minutes', 60)} min"
    shown = [(f"{at:%H:%M} UTC", number(value, metric.unit)) for at, value in points[-12:]]
    return StepAnswer("", summary, mark, ("Period from", stat), shown)


def _rows(question: Question) -> StepAnswer:
    database = TargetDatabase.objects.filter(platform=question.platform, key=question.params["database"]).first()
    if database is None:
        return StepAnswer("unknown", f"The database {question.params['database']} is not connected.", question.at)
    try:
        rows = read_rows(database.reader, str(question.params["sql"]).strip().rstrip(";"))
    except (DatabaseTargetError, BlockedAddressError) as error:
        return StepAnswer("unknown", f"{database.name}: {error}", question.at)
    columns = list(rows[0]) if rows else []
    cut = f", the first {MAX_ROWS} shown" if len(rows) > MAX_ROWS else ""
    shown = [["" if row[name] is None else str(row[name]) for name in columns] for row in rows[:MAX_ROWS]]
    return StepAnswer("", f"{plural(len(rows), 'row')} from {database.name}{cut}", question.at, columns, shown)


def register() -> None:
    """Called once at start."""
    register_step(StepKind.CHECK, ask=check_ask, problem=check_problem)
    register_step(StepKind.QUERY, ask=query_ask, problem=query_problem)
