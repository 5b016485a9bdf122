"""What an action consists of, where its AWS calls go, and how each is made, proven, or said to be unknown."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django import forms

from monitoring.models import AwsAccount, Resource
from monitoring.services.accounts import act_session, aws_session
from opsportal.aws.acting import ActingRefusedError, act
from opsportal.aws.errors import AwsError, AwsUnreachableError
from opsportal.aws.policy import hurried
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.forms import CleanForm
from opsportal.core.models import JSON
from opsportal.plans.execution import CallFailedError, CallUnknownError, register_executor
from opsportal.plans.models import PlanCall, RiskClass
from opsportal.plans.services import PlannedCall, PlanRefusedError
from opsportal.platforms.models import Platform

PAUSE_SECONDS: Final = 2.0
NO_ACT_ROLE: Final = (
    "{account} has no act role, so nothing that changes it can be requested. Settings, AWS says how one is set."
)
MAYBE_EARLIER: Final = (
    "The call was begun before and the worker was lost: that try may have done it. It is so now; nothing more was sent."
)
State = Mapping[str, JSON]


class ResourceField(forms.ChoiceField):
    """One of the platform's resources, by its row; a runbook names it by its identifier."""

    def __init__(self, *kinds: str, label: str, **more: Any) -> None:
        super().__init__(label=label, **more)
        self.kinds = kinds
        self.found: dict[str, Resource] = {}

    def offer(self, platform: Platform, *, fits: Callable[[Resource], bool] = lambda _row: True) -> None:
        """Fill the choices with what the collector last read."""
        rows = Resource.objects.filter(platform=platform, kind__in=self.kinds, account__enabled=True)
        rows = rows.select_related("account").order_by("identifier", "pk")
        self.found = {str(row.pk): row for row in rows[:500] if fits(row)}
        self.choices = [
            ("", "Choose one"),
            *((pk, f"{row.identifier}, {row.summary}") for pk, row in self.found.items()),
        ]

    def clean(self, value: Any) -> Any:
        """The row. Raises ValidationError."""
        text = str(value or "")
        named = [row for row in self.found.values() if row.identifier == text]
        row = self.found.get(text) or (named[0] if len(named) == 1 else None)
        if row is None:
            raise forms.ValidationError(
                f"{text[:120]} is none of this platform's that were last read." if text else "Choose one."
            )
        return row


class ActionForm(CleanForm):
    """The parameters of an action on one platform, from a person's form or a runbook's step.

    `trouble` says what could not be read for its choices. Of the forms that list sessions are `databases`, and
    `chosen`: the one that somebody named, whose sessions are listed.
    """

    trouble: str = ""
    databases: Mapping[str, Any] = {}
    chosen: str = ""

    def __init__(self, *args: Any, platform: Platform, **more: Any) -> None:
        super().__init__(*args, **more)
        self.platform = platform
        self.prepare()

    def prepare(self) -> None:
        """Fill choices that depend on the platform."""
        for field in self.fields.values():
            if isinstance(field, ResourceField):
                field.offer(self.platform)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: by checked values, at a (business) time."""

    platform: Platform
    values: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Drafted:
    """What the approver will read."""

    title: str
    effect: str
    calls: Sequence[PlannedCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One kind of action. `does` says what will happen, before anything is asked for."""

    key: str
    label: str
    does: str
    form: type[ActionForm]
    draft: Callable[[Wanted], Drafted]
    needs_aws: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call goes: the account and region, read by the role that reads."""

    account: AwsAccount
    region: str
    reading: AwsSession

    @property
    def label(self) -> str:
        return f"{self.account.account_id} {self.region}"


def place_of(resource: Resource) -> Place:
    """Where a resource is, for a draft that a person waits for. Raises PlanRefusedError without an act role."""
    account = resource.account
    if not account.act_role_arn:
        raise PlanRefusedError(NO_ACT_ROLE.format(account=account))
    return Place(account, resource.region, hurried(aws_session(account)))


Look = Callable[[Place, Mapping[str, Any]], State]
Reached = Callable[[State, Mapping[str, Any]], bool]


def all_wanted(state: State, params: Mapping[str, Any]) -> bool:
    """Whether everything the plan wants is so."""
    return all(state.get(name) == value for name, value in params["wants"].items())


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """One kind of AWS call. `look` reads the state that matters, `reached` says whether it is what the plan wants.

    `seconds` is how long the worker waits for that state once AWS took the call.
    """

    operation: str
    action: str
    risk: RiskClass
    look: Look
    reached: Reached = all_wanted
    seconds: float = 10.0

    def planned(
        self, place: Place, *, target: str, request: Mapping[str, Any], state: State, wants: State, effect: str
    ) -> PlannedCall:
        """The call as the plan keeps it: account, region, role and the exact request are part of its hash."""
        params: dict[str, Any] = {
            "call": self.action,
            "account": place.account.account_id,
            "region": place.region,
            "role": place.account.act_role_arn,
            "request": dict(request),
            "expects": dict(state),
            "wants": dict(wants),
        }
        return PlannedCall(
            operation=self.operation,
            target=f"{place.label} {target}"[:200],
            params=orjson.loads(orjson.dumps(params)),
            effect=effect[:240],
            risk=self.risk,
        )

    def execute(self, call: PlanCall) -> Mapping[str, JSON]:
        """Check what is there, make the call once, read back. Raises CallFailedError, CallUnknownError."""
        place, params = _place(call), call.params
        before = self._seen(place, params, call)
        if self.reached(before, params) and self.risk != RiskClass.ONE_SHOT:
            note = MAYBE_EARLIER if call.was_begun else "It was so already; nothing was sent."
            return {"before": params["expects"], "after": before, "note": note}
        changed = sorted(name for name, value in params["expects"].items() if before.get(name) != value)
        if changed:
            now = ", ".join(f"{name} was {params['expects'][name]}, is {before.get(name)}" for name in changed)
            raise CallFailedError(f"{call.target} changed since the plan was written: {now}. Nothing was done.")
        try:
            act(act_session(place.account, plan=call.plan_id), place.region, self.action, params["request"])
        except AwsUnreachableError as error:
            return self._after_silence(call, before, error)
        except (AwsError, ActingRefusedError) as error:
            raise CallFailedError(f"AWS refused: {error}. Nothing was done.") from error
        try:
            after = self._wait(place, params)
        except AwsError as error:
            raise CallUnknownError(f"AWS took {self.action}, but what is there now cannot be read: {error}") from error
        if not self.reached(after, params):
            raise CallUnknownError(
                f"AWS took {self.action}, but after {self.seconds:g} s it still says {_said(after)}."
            )
        return {"before": before, "after": after}

    def prove(self, call: PlanCall) -> Mapping[str, JSON] | None:
        """What is there now, when it shows that the call was made."""
        try:
            place = _place(call)
            after = self._wait(place, call.params)
        except (CallFailedError, AwsError):
            return None
        return {"before": call.params["expects"], "after": after} if self.reached(after, call.params) else None

    def _after_silence(self, call: PlanCall, before: State, error: AwsUnreachableError) -> Mapping[str, JSON]:
        proof = self.prove(call)
        if proof is None:
            raise CallUnknownError(f"{error}. It may have been done; look before you act again.") from error
        return {**proof, "before": before, "note": "AWS gave no answer; what is there shows that it was done."}

    def _seen(self, place: Place, params: Mapping[str, Any], call: PlanCall) -> State:
        try:
            return self.look(place, params["request"])
        except AwsError as error:
            raise CallFailedError(f"{call.target} could not be read: {error}. Nothing was done.") from error

    def _wait(self, place: Place, params: Mapping[str, Any]) -> State:
        """The state once it is reached, or the last one seen. Raises AwsError when it was never seen."""
        until, seen = time.monotonic() + self.seconds, None
        while True:
            try:
                seen = self.look(place, params["request"])
            except AwsError:
                if time.monotonic() >= until and seen is None:
                    raise
            if (seen is not None and self.reached(seen, params)) or time.monotonic() >= until:
                break
            time.sleep(PAUSE_SECONDS)
        assert seen is not None
        return seen


def _said(state: State) -> str:
    return ", ".join(f"{name} {value}" for name, value in state.items())


def _place(call: PlanCall) -> Place:
    """Where the plan goes, if the account is still as the approver saw it. Raises CallFailedError."""
    account = AwsAccount.objects.filter(account_id=call.params["account"], enabled=True).first()
    if account is None or account.act_role_arn != call.params["role"] or not account.act_role_arn:
        raise CallFailedError(f"The act role of {call.params['account']} is not the one approved. Nothing was done.")
    return Place(account, call.params["region"], aws_session(account))


def register_call(call: AwsCall) -> AwsCall:
    """Let plans carry it out."""
    register_executor(call.operation, call.execute, call.prove)
    return call


def read(place: Place, look: Callable[[], Any], what: str) -> Any:
    """What a draft has to know. Raises PlanRefusedError when AWS does not say."""
    try:
        found = look()
    except AwsError as error:
        raise PlanRefusedError(f"{what} could not be read: {error} Nothing was stored.") from error
    if found is None:
        raise PlanRefusedError(f"{what} is not in {place.label} any more. Nothing was stored.")
    return found
