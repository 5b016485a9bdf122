"""The clock rules of platforms: what runs for which severity, where it comes from, and what runs by it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Count

from incidents import clocks
from incidents.choices import ClockKind
from incidents.models import ClockPolicy, IncidentClock
from incidents.services.clocks import DEFAULTS
from opsportal.platforms.declared import Declared, declared
from opsportal.platforms.models import Platform, SchemeKind, Severity


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One clock of one severity."""

    severity: Severity
    kind: ClockKind
    policy: ClockPolicy | None
    declared: Declared | None
    running: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether the rule says that no such clock runs."""
        row = self.policy
        return row is not None and row.minutes is None and not row.text and row.due_rule == "minutes"

    @property
    def words(self) -> str:
        """What runs: the platform's rule, else the portal's default; "" when nothing does."""
        if self.policy is not None:
            return "" if self.is_silent else self.policy.words
        default = DEFAULTS.get(self.kind)
        applies = default is not None and self.severity.rank <= default.worst_ranks
        return clocks.words(default.minutes) if default is not None and applies else ""

    @property
    def is_shown(self) -> bool:
        """Whether there is something to read: a rule, a page's hours, or what somebody here decided."""
        return bool(self.words) or self.kind == ClockKind.PAGE or self.is_edited

    @property
    def source(self) -> str:
        if self.policy is not None:
            return self.policy.source_words
        return DEFAULTS[self.kind].source_text if self.words else ""

    @property
    def is_edited(self) -> bool:
        return self.policy is not None and self.policy.source == "edited"

    @property
    def declared_words(self) -> str:
        """What the pack says, as people say it."""
        fields: Mapping[str, object] = self.declared.fields if self.declared is not None else {}
        minutes, calendar = fields.get("minutes"), str(fields.get("calendar") or "")
        said = clocks.words(minutes, calendar) if isinstance(minutes, int) else str(fields.get("text") or "")
        return said or str(fields.get("due_rule") or "no clock").replace("_", " ")


class SeverityRules(NamedTuple):
    """The clocks of one severity, and the kinds that no clock runs of."""

    severity: Severity
    rows: Sequence[RuleRow]
    silent: Sequence[RuleRow]


def clock_rules_of(platform: Platform) -> list[SeverityRules]:
    """Every clock of every severity of a platform, worst first."""
    severities = list(
        Severity.objects.filter(scheme__platform=platform, scheme__kind=SchemeKind.INCIDENT)
        .select_related("scheme")
        .order_by("rank", "pk")
    )
    policies = ClockPolicy.objects.filter(severity__in=severities).select_related("calendar")
    by_place = {(row.severity_id, row.kind): row for row in policies}
    running = _running(list(by_place.values()))
    said_by_packs = declared("clock", [platform.pk])

    def row(severity: Severity, kind: ClockKind) -> RuleRow:
        policy = by_place.get((severity.pk, kind))
        said = said_by_packs.get((platform.pk, f"{severity.label}.{kind}"))
        return RuleRow(severity, kind, policy, said, running.get(policy.pk, 0) if policy is not None else 0)

    found = []
    for severity in severities:
        rows = [row(severity, kind) for kind in ClockKind]
        shown = [one for one in rows if one.is_shown]
        found.append(SeverityRules(severity, shown, [one for one in rows if not one.is_shown]))
    return found


def _running(policies: Sequence[ClockPolicy]) -> dict[int, int]:
    rows = IncidentClock.objects.filter(policy__in=policies, stopped_at__isnull=True).order_by()
    return dict(rows.values_list("policy_id").annotate(Count("pk")))


def clock_rule_of(severity: Severity, kind: ClockKind) -> RuleRow:
    """One of them."""
    policy = ClockPolicy.objects.filter(severity=severity, kind=kind).select_related("calendar").first()
    platform_id = severity.scheme.platform_id
    said = declared("clock", [platform_id]).get((platform_id, f"{severity.label}.{kind}"))
    return RuleRow(severity, kind, policy, said, _running([policy]).get(policy.pk, 0) if policy is not None else 0)
