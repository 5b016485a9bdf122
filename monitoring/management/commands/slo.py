"""`manage.py slo`: objectives, what is left out of them and what follows when a budget is spent; answered in JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.api.budget_policies import BudgetPolicySerializer, policy_of
from monitoring.api.exclusions import ExclusionAddSerializer, ExclusionSerializer
from monitoring.api.serializers import SloSerializer
from monitoring.management.person import acting_person, person_parser
from monitoring.models import Slo, SloExclusion
from monitoring.selectors.slo_report import slo_rows, slos_of
from monitoring.services.exclusions import exclusion_approve, exclusion_put, exclusion_void
from monitoring.services.objectives import budget_policy_set
from monitoring.slo.periods import rolling
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for, platform_id_said

MOST: Final = 200
STEPS: Final = ("notice_at", "review_at", "freeze_at", "review_share")
Options = Mapping[str, Any]


def _list(by: Actor, options: Options) -> Any:
    slos = slos_of(by, platform_id=platform_id_said(by, options["platform"]))
    return SloSerializer(slo_rows(slos, rolling(clock.now())), many=True).data


def _exclusions(by: Actor, options: Options) -> Any:
    rows = SloExclusion.objects.visible_to(by).of_platform(platform_id_said(by, options["platform"]))
    rows = rows.select_related("platform", "service", "requested_by", "approved_by")
    return ExclusionSerializer(rows.order_by("-starts_at", "-pk")[:MOST], many=True).data


def _exclude(by: Actor, options: Options) -> Any:
    said = ExclusionAddSerializer(data={name: options[name] for name in ("slo", "starts_at", "ends_at", "reason")})
    if not said.is_valid():
        raise CommandError("; ".join(f"{name}: {error}" for name, errors in said.errors.items() for error in errors))
    slo = Slo.objects.visible_to(by).select_related("platform").filter(pk=options["slo"]).first()
    if slo is None:
        raise HiddenError("monitoring.slo_exclusion_set")
    authorize(by, "monitoring.slo_exclusion_set", slo)
    values = dict(said.validated_data) | {"slo": slo}
    row = exclusion_put(by=by, at=clock.now(), platform=slo.platform, service=None, **values)
    return ExclusionSerializer(row).data


def _exclusion(by: Actor, action: str, pk: int) -> SloExclusion:
    row = SloExclusion.objects.visible_to(by).filter(pk=pk).first()
    if row is None:
        raise HiddenError(action)
    authorize(by, action, row)
    found: SloExclusion = row
    return found


def _approve(by: Actor, options: Options) -> Any:
    row = _exclusion(by, "monitoring.slo_exclusion_approve", options["id"])
    exclusion_approve(by=by, at=clock.now(), exclusion=row, expected=row.version)
    return ExclusionSerializer(row).data


def _void(by: Actor, options: Options) -> Any:
    row = _exclusion(by, "monitoring.slo_exclusion_void", options["id"])
    exclusion_void(by=by, at=clock.now(), exclusion=row, reason=options["reason"], expected=row.version)
    return ExclusionSerializer(row).data


def _policy(by: Actor, options: Options) -> Any:
    changes = {name: options[name] for name in STEPS if options[name] is not None}
    action = "monitoring.budget_policy_set" if changes else "monitoring.slo_view"
    platform: Platform = platform_for(action, by, options["platform"])
    held = policy_of(platform)
    if not changes:
        return BudgetPolicySerializer(held).data
    said = BudgetPolicySerializer(data={name: getattr(held, name) for name in STEPS} | changes)
    if not said.is_valid():
        raise CommandError("; ".join(str(error) for errors in said.errors.values() for error in errors))
    row = budget_policy_set(
        by=by, at=clock.now(), platform=platform, expected=held.version, values=said.validated_data
    )  # fmt: skip
    return BudgetPolicySerializer(row).data


VERBS: Final[Mapping[str, Callable[[Actor, Options], Any]]] = {
    "list": _list,
    "exclusions": _exclusions,
    "exclude": _exclude,
    "approve": _approve,
    "void": _void,
    "policy": _policy,
}


def _instant(text: str) -> datetime:
    """An instant in UTC unless it names its offset."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Objectives over the last 30 days; exclusions asked for, approved and voided; budget policies. Answers JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)

        def verb(name: str, text: str) -> CommandParser:
            added: CommandParser = verbs.add_parser(name, help=text, parents=[person])
            return added

        for name, text in (("list", "objectives, the worst first"), ("exclusions", "what is left out, and why")):
            verb(name, text).add_argument("--platform", default="", help="key of the platform")
        asked = verb("exclude", "ask for time to be left out of the adjusted figures of one objective")
        asked.add_argument("slo", type=int, help="id of the objective")
        asked.add_argument("starts_at", type=_instant, help="e.g. 2026-11-08T04:00Z")
        asked.add_argument("ends_at", type=_instant)
        asked.add_argument("reason")
        verb("approve", "let an exclusion count: never by who asked for it").add_argument("id", type=int)
        void = verb("void", "take an exclusion back, or decline one that waits")
        void.add_argument("id", type=int)
        void.add_argument("reason")
        policy = verb("policy", "what follows when a platform's budgets are spent; with a figure: set it")
        policy.add_argument("platform", help="key of the platform")
        for name in STEPS:
            policy.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="PER_CENT")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        by = acting_person(options["email"], request="manage.py slo")
        try:
            answer = VERBS[options["verb"]](by, options)
        except HiddenError as error:
            raise CommandError("There is no such thing, or it is not for this person.") from error
        except VersionConflictError as error:
            raise CommandError("It is settled, or someone changed it in this moment; nothing was changed.") from error
        except DeniedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(answer, indent=2, default=str))
