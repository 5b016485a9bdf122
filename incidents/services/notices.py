"""Who is told what: the only place of this room that writes outbox rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.urls import reverse

from incidents.choices import ClockKind
from incidents.models import ActionItem, ContactPage, Incident, IncidentClock, ResponseTask, Review, StatusUpdate
from incidents.services.access import known_to
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.knowledge.selectors.runbooks import Match
from opsportal.notifications.services import Audience, Recipient, members, notify, people
from opsportal.plans.models import Plan
from opsportal.platforms.models import Role

RESPONDERS: Final = (Role.OPERATOR, Role.COMMANDER, Role.ADMIN)
DECIDERS: Final = (Role.COMMANDER, Role.ADMIN)


def _members(incident: Incident, roles: Iterable[str]) -> list[Recipient]:
    """Active members of the platform with one of `roles`; of a restricted incident only those who may know of it."""
    if incident.is_restricted:
        return people(*known_to(incident))
    return members(Audience(incident.platform_id, tuple(roles)))


def _person(incident: Incident, user_id: int | None) -> list[Recipient]:
    """One member of the platform; nobody when the incident is not for them (any more)."""
    return [one for one in _members(incident, ()) if one.user_id == user_id]


def _person_else_responders(incident: Incident, user_id: int | None) -> list[Recipient]:
    """Who has it; when that is nobody, or somebody who left, everyone who may respond."""
    return _person(incident, user_id) or _members(incident, RESPONDERS)


def _send(
    incident: Incident,
    *,
    key: str,
    kind: str,
    to: Sequence[Recipient],
    subject: str,
    body: str,
    at: datetime,
    url: str = "",
) -> None:
    if not to:
        return
    notify(
        key=key,
        kind=kind,
        to=to,
        subject=subject,
        body=body,
        url=url or incident.url,
        group_key=f"incident:{incident.pk}",
        at=at,
        platform_id=incident.platform_id,
    )


def tell_opened(incident: Incident, matches: Iterable[Match], at: datetime) -> None:
    """Everyone who may respond, with the first written runbook of those that match."""
    label = incident.severity.label
    match = next((match for match in matches if match.runbook.is_written), None)
    hint = f" Runbook: {match.runbook.title}." if match else ""
    _send(
        incident,
        key=f"incident:{incident.pk}:opened",
        kind="incident.opened",
        to=_members(incident, RESPONDERS),
        subject=f"{label} {incident.reference}: {incident.title}",
        body=f"{incident.reference} ({label}) was opened {stamp(at)}. {incident.summary}".strip() + hint,
        at=at,
    )


def tell_severity(incident: Incident, before: str, why: str, at: datetime) -> None:
    _send(
        incident,
        key=f"incident:{incident.pk}:severity:{incident.version}",
        kind="incident.severity",
        to=_members(incident, RESPONDERS),
        subject=f"{incident.reference} is now {incident.severity.label} (was {before})",
        body=why or incident.title,
        at=at,
    )


def tell_state(incident: Incident, word: str, at: datetime) -> None:
    """Mitigated, resolved, reopened, closed."""
    _send(
        incident,
        key=f"incident:{incident.pk}:{word}:{incident.version}",
        kind="incident.state",
        to=_members(incident, RESPONDERS),
        subject=f"{incident.reference} {word}: {incident.title}",
        body=incident.resolution or incident.title,
        at=at,
    )


def tell_update(update: StatusUpdate, at: datetime) -> None:
    incident = update.incident
    _send(
        incident,
        key=f"incident:{incident.pk}:update:{update.pk}",
        kind="incident.update",
        to=_members(incident, Role.values),
        subject=f"{incident.reference} {update.get_state_display()}: {incident.title}",
        body=update.body,
        at=at,
    )


def tell_clock(clock: IncidentClock, at: datetime) -> None:
    """The commander, or everyone who could take command; an escalation goes to those who decide."""
    incident = clock.incident
    nobody_has_it = incident.commander_id is None
    roles = DECIDERS if clock.kind == ClockKind.ESCALATE else RESPONDERS
    everyone = nobody_has_it or clock.kind == ClockKind.ESCALATE
    to = _members(incident, roles) if everyone else _person_else_responders(incident, incident.commander_id)
    label = ClockKind(clock.kind).label
    word = "escalation is due" if clock.kind == ClockKind.ESCALATE else f"{label.lower()} was missed"
    _send(
        incident,
        key=f"clock:{clock.pk}:fired",
        kind="incident.clock",
        to=to,
        subject=f"{incident.reference}: {word}",
        body=f"{label}: {clock.rule_text} ({clock.source_text}), due {stamp(clock.due_at)}.",
        at=at,
    )


def tell_warning(clock: IncidentClock, at: datetime) -> None:
    """The commander, or everyone who could take command, that a clock is about to be missed."""
    incident = clock.incident
    label = ClockKind(clock.kind).label
    to = _person_else_responders(incident, incident.commander_id)
    _send(
        incident,
        key=f"clock:{clock.pk}:warning:{stamp(clock.due_at)}",
        kind="incident.clock",
        to=to,
        subject=f"{incident.reference}: {label.lower()} is due {stamp(clock.due_at)}",
        body=f"{label}: {clock.rule_text} ({clock.source_text}).",
        at=at,
    )


def tell_page(page: ContactPage, at: datetime) -> str:
    """The contact, by mail and in the portal when the address is a member's; the text says who was told instead.

    Of a restricted incident only those who may know of it are told, whoever the contact is.
    """
    incident, address = page.incident, page.contact.email if page.contact is not None else ""
    known = _members(incident, ())
    to = [one for one in known if address and one.email.lower() == address.lower()]
    instead = ""
    if not to and incident.is_restricted:
        to, instead = known, "; restricted, so those who may know of it were told"
    elif not to and address:
        to = [Recipient(None, address)]
    elif not to:
        to, instead = _members(incident, DECIDERS), "; no address in the pack, so commanders and admins were told"
    _send(
        incident,
        key=f"page:{page.pk}",
        kind="incident.page",
        to=to,
        subject=f"Page for {page.contact_name}: {incident.severity.label} {incident.reference} {incident.title}",
        body=f"{page.reason.capitalize()}. Take command in the portal, or pass it on.",
        at=at,
    )
    return instead


def tell_overdue_review(clock: IncidentClock, at: datetime) -> None:
    """Managers of the platform and the review's author: once a day, until it is published."""
    incident = clock.incident
    review = Review.objects.filter(incident=incident).first()
    author = _person(incident, review.author_id) if review is not None else []
    managers = _members(incident, (Role.MANAGER,))
    _send(
        incident,
        key=f"review:{clock.pk}:overdue:{at:%Y-%m-%d}",
        kind="incident.review",
        to=list({one.user_id: one for one in (*managers, *author)}.values()),
        subject=f"Review of {incident.reference} is overdue: {incident.title}",
        body=f"It was due {stamp(clock.due_at)}: {clock.rule_text} ({clock.source_text}).",
        at=at,
        url=review.url if review is not None else "",
    )


def tell_role(incident: Incident, role_label: str, user_id: int, assignment_id: int, at: datetime) -> None:
    _send(
        incident,
        key=f"role:{assignment_id}",
        kind="incident.role",
        to=_person(incident, user_id),
        subject=f"{incident.reference}: you are {role_label}",
        body=incident.title,
        at=at,
    )


def tell_review(review: Review, word: str, at: datetime) -> None:
    """Ask for a second reader, or say that a review was published or sent back."""
    incident = review.incident
    if word == "sent back":
        to = _person(incident, review.author_id)
    else:
        to = [one for one in _members(incident, (*RESPONDERS, Role.MANAGER)) if one.user_id != review.author_id]
    _send(
        incident,
        key=f"review:{review.pk}:{word}:{review.version}",
        kind="incident.review",
        to=to,
        subject=f"Review of {incident.reference} {word}: {incident.title}",
        body=f"The review of {incident.reference} is {word}.",
        at=at,
        url=review.url,
    )


def tell_action_item(item: ActionItem, at: datetime) -> None:
    """Its owner."""
    if item.owner_id is None or item.incident is None:
        return
    _send(
        item.incident,
        key=f"action-item:{item.pk}:owner:{item.version}",
        kind="incident.action_item",
        to=_person(item.incident, item.owner_id),
        subject=f"{item.reference} is yours: {item.title}",
        body=f"From {item.incident.reference}" + (f", due {item.due_date:%d %b %Y}." if item.due_date else "."),
        at=at,
        url=item.url,
    )


def remind_action_item(item: ActionItem, at: datetime) -> None:
    """Its owner, that it is overdue."""
    if item.incident is None or item.due_date is None:
        return
    _send(
        item.incident,
        key=f"action-item:{item.pk}:overdue:{at:%Y-%m-%d}",
        kind="incident.action_item",
        to=_person(item.incident, item.owner_id),
        subject=f"{item.reference} is overdue: {item.title}",
        body=f"From {item.incident.reference}, due {item.due_date:%d %b %Y}.",
        at=at,
        url=item.url,
    )


def tell_plan(incident: Incident, plan: Plan, *, by: Actor, at: datetime) -> None:
    """Who may decide on a plan, but for who asked for it."""
    _send(
        incident,
        key=f"plan:{plan.pk}:asked",
        kind="incident.plan",
        to=[one for one in _members(incident, DECIDERS) if one.user_id != by.user_id],
        subject=f"{incident.reference}: {plan.title} waits for your approval",
        body=f"{by.name} asked for it. {plan.effect} It lapses {stamp(plan.expires_at)}.",
        at=at,
        url=reverse("plans:plan", args=[plan.pk]),
    )


def tell_glass(incident: Incident, plan: Plan, reason: str, item: ActionItem, *, by: Actor, at: datetime) -> None:
    """The platform's administrators (of a restricted incident, who may know of it): someone approved alone."""
    _send(
        incident,
        key=f"plan:{plan.pk}:break-glass",
        kind="incident.break_glass",
        to=_members(incident, (Role.ADMIN,)),
        subject=f"Break-glass in {incident.reference}: {by.name} approved their own plan alone",
        body=f"{plan.title}. {reason} {item.reference} asks for its review until the end of {item.due_date:%Y-%m-%d}.",
        at=at,
        url=reverse("plans:plan", args=[plan.pk]),
    )


def tell_task(task: ResponseTask, at: datetime) -> None:
    """Its owner, that it was asked for."""
    incident = task.incident
    _send(
        incident,
        key=f"task:{task.pk}:owner",
        kind="incident.task",
        to=_person(incident, task.owner_id),
        subject=f"{incident.reference}: {task.title}",
        body=f"Asked of you in {incident.reference}" + (f", due {stamp(task.due_at)}." if task.due_at else "."),
        at=at,
    )


def remind_task(task: ResponseTask, at: datetime) -> None:
    """Its owner that it is overdue; without one the commander, without one who could take it."""
    incident = task.incident
    person = task.owner_id or incident.commander_id
    _send(
        incident,
        key=f"task:{task.pk}:overdue",
        kind="incident.task",
        to=_person_else_responders(incident, person),
        subject=f"{incident.reference}: overdue: {task.title}",
        body=f"It was due {stamp(task.due_at)}.",
        at=at,
    )
