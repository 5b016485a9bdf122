"""Whether a published report is still what was published, and whether its figures come out the same today."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from monitoring.slo.periods import parse
from opsportal.audit.models import AuditEntry
from opsportal.reports.models import PublishedReport
from opsportal.reports.period.body import canonical, report_body

# What may differ between two computations of the same figures.
INCIDENTAL: Final = frozenset({"as_of", "code_version", "format"})


@dataclass(frozen=True, slots=True)
class Verification:
    """`is_whole`: the text has the hash that the row and the audit trail name. `differs`: path, published, today."""

    report: PublishedReport
    is_whole: bool
    reason: str
    differs: list[tuple[str, Any, Any]]

    @property
    def is_reproduced(self) -> bool:
        return self.is_whole and not self.differs


def differences(published: bytes, today: bytes) -> list[tuple[str, Any, Any]]:
    """The figures that differ between two bodies; commentary counts, the instant of the computation does not.

    What a later format says beside them is no figure that was published.
    """
    one, other = dict(_flat(orjson.loads(published))), dict(_flat(orjson.loads(today)))
    is_older = one.get("format") != other.get("format")
    paths = sorted(set(one) if is_older else set(one) | set(other))
    return [
        (path, one.get(path), other.get(path))
        for path in paths
        if one.get(path) != other.get(path) and path.split(".", 1)[0] not in INCIDENTAL
    ]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _flat(one, f"{path}[{n}]")
    else:
        yield path, value


def is_untouched(report: PublishedReport) -> bool:
    """Whether the text still has the hash it was published with."""
    return hashlib.sha256(report.body.encode()).hexdigest() == report.sha256


def verify(report: PublishedReport) -> Verification:
    """Hash the text, compare with the audit trail, then compute the report again for its own instant."""
    if not is_untouched(report):
        return Verification(report, False, "the text does not have the hash that the report names", [])
    witness = AuditEntry.objects.filter(
        chain=report.platform_id, verb="reports.report.published", obj_kind="published_report", obj_id=str(report.pk)
    ).first()
    if witness is None or witness.data.get("sha256") != report.sha256:
        return Verification(report, False, "the audit trail names another hash", [])
    return Verification(report, True, "", differences(report.body.encode(), canonical(_again(report))))


def _again(report: PublishedReport) -> dict[str, Any]:
    body = orjson.loads(report.body)
    at = datetime.fromisoformat(body["as_of"])
    period = parse(report.period_key, at, ZoneInfo(body["period"]["zone"]))
    found = report_body(report.platform, report.service, period)
    # A later version of the commentary is no other figure.
    return found | {"commentary": body["commentary"]}
