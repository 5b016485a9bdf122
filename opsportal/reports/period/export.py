"""A report's figures as rows of a spreadsheet: section, name, figure, value. Shares are of one, lengths in seconds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

HEAD: Final = ("section", "name", "figure", "value")
OBJECTIVE: Final = (
    "objective", "raw", "adjusted", "good", "total", "excluded_good", "excluded_total", "coverage", "before",
    "forecast", "exhausts_in_s", "health", "policy_step",
)  # fmt: skip
ALARM: Final = ("pages", "firings", "silenced", "useful", "no_action", "noise", "unrated", "has_runbook")
Row = tuple[str, str, str, Any]


def figure_rows(body: Mapping[str, Any]) -> Iterator[Row]:
    """Every figure of a body, one a row."""
    period = body["period"]
    for name in ("key", "zone", "starts_at", "ends_at", "until"):
        yield "report", body["platform"], name, period[name]
    yield "report", body["platform"], "as_of", body["as_of"]
    for row in body["objectives"]:
        yield from _objective(row)
    incidents = body["incidents"]
    for name in ("count", "count_before", "merged"):
        yield "incidents", "", name, incidents[name]
    for kind, figures in (
        ("times", ("median_s", "p90_s", "n", "before_s", "before_n")),
        ("shares", ("value", "part", "whole", "before", "before_whole")),
        ("targets", ("asked", "reached", "reached_s", "n", "is_met")),
    ):
        for row in incidents[kind]:
            name = " ".join(filter(None, (row["key"], row.get("severity"))))
            yield from ((kind, name, figure, row[figure]) for figure in figures)
    yield from (("deployments", "", figure, value) for figure, value in incidents["deployments"].items())
    for row in body["checklists"]:
        yield from (("checklists", row["name"], figure, row[figure]) for figure in ("done", "late", "missed"))
    for row in body["backups"]:
        yield from (("backups", row["check"], verdict, n) for verdict, n in row.items() if verdict != "check")
    alarms = body.get("alarms") or {}
    yield from (("alarms", "", figure, value) for figure, value in alarms.items() if figure != "ranked")
    for row in alarms.get("ranked", ()):
        yield from (("alarms", row["name"], figure, row[figure]) for figure in ALARM)
    yield from _drills(body)
    yield from (("scorecard", line["rule"], "is_met", line["is_met"]) for line in body["scorecard"])


def _drills(body: Mapping[str, Any]) -> Iterator[Row]:
    for row in body.get("drills") or ():
        yield "drills", row["title"], row["kind"], row["from"]
    if body.get("drills_count") is not None:
        yield "drills", "", "count", body["drills_count"]


def _objective(row: Mapping[str, Any]) -> Iterator[Row]:
    yield from (("objective", row["key"], figure, row[figure]) for figure in OBJECTIVE)
    yield from (("objective", row["key"], f"budget_{figure}", value) for figure, value in row["budget"].items())
    yield from (("objective", row["key"], figure, n) for figure, n in row.get("counts", {}).items())
    for burn in row["burns"]:
        span = f"burn_{burn['long_s']:.0f}s"
        yield "objective", row["key"], span, burn["long"]
        yield "objective", row["key"], f"{span}_firing", burn["firing"]
    for one in row["attribution"]:
        yield "attribution", row["key"], one["ref"] or one["title"], one["share"]
    for one in row["exclusions"]:
        yield "exclusion", row["key"], f"{one['ref']} {one['reason']}".strip(), one["share"]
    yield from (("review", row["key"], one["ref"], one["state"]) for one in row.get("reviews", ()))
    yield from (("day", row["key"], day, used) for day, used in row["days"])
