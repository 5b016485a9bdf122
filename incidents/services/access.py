"""Who may know of an incident, and corrections that keep what was said."""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction

from incidents.choices import WRITTEN_KINDS, EntryKind
from incidents.errors import IncidentError
from incidents.models import EntryMark, Incident, IncidentAccess, TimelineEntry
from incidents.services.base import change, finish, lock, mark_charts
from incidents.services.timeline import MAX_BODY, append, check_occurred
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.gate import roles_with
from opsportal.platforms.models import Membership


def known_to(incident: Incident) -> set[int]:
    """The active members who answer for a restricted incident: those named, its commander, who declared it."""
    named = IncidentAccess.objects.filter(incident=incident).values_list("user_id", flat=True)
    rows = Membership.objects.filter(
        platform_id=incident.platform_id,
        user_id__in={*named, *filter(None, (incident.commander_id, incident.declared_by_id))},
        user__is_active=True,
    )
    return set(rows.values_list("user_id", flat=True))


def check_may_know(incident: Incident, user_id: int) -> None:
    """Nobody learns of a restricted incident by being given work in it. Raises IncidentError."""
    if incident.is_restricted and user_id not in known_to(incident):
        raise IncidentError("This incident is restricted: name the person under who may know of it first.")


def check_member(incident: Incident, user_id: int) -> None:
    """Work goes to an active member who may know of the incident. Raises IncidentError."""
    if not Membership.objects.filter(platform_id=incident.platform_id, user_id=user_id, user__is_active=True).exists():
        raise IncidentError("Only an active member of the platform can be given work.")
    check_may_know(incident, user_id)


def may_write(incident: Incident, user_id: int) -> bool:
    """Whether the member's role lets them write the incident's review."""
    rows = Membership.objects.filter(platform_id=incident.platform_id, user_id=user_id)
    return rows.filter(role__in=roles_with("incidents.review_edit")).exists()


@transaction.atomic
def incident_restrict(
    *, by: Actor, at: datetime, incident: Incident, expected: int, is_restricted: bool, user_ids: Iterable[int] = ()
) -> Incident:
    """Hide the incident from all but those named (and auditors), or lift that. Raises IncidentError."""
    current = lock(incident, expected=expected)
    named = set(user_ids) | ({by.user_id} if by.user_id else set())
    members = set(
        Membership.objects.filter(platform_id=current.platform_id, user_id__in=named, user__is_active=True).values_list(
            "user_id", flat=True
        )
    )
    if named - members:
        raise IncidentError("Only active members of the platform can be named.")
    change(current, is_restricted=is_restricted)
    IncidentAccess.objects.filter(incident=current).exclude(user_id__in=members).delete()
    IncidentAccess.objects.bulk_create(
        [
            IncidentAccess(incident=current, user_id=user_id, named_by_id=by.user_id, named_at=at)
            for user_id in sorted(members if is_restricted else ())
        ],
        ignore_conflicts=True,
    )
    said = f"restricted to {len(members)} named" if is_restricted else "lifted the restriction"
    append(current, kind=EntryKind.ACCESS, body=said, by=by, at=at, data={"users": sorted(members)})
    mark_charts(current, by=by, at=at)
    finish(current, by=by, at=at, verb="access.changed", data={"restricted": is_restricted, "users": sorted(members)})
    return current


def entry_correct(
    *, by: Actor, at: datetime, entry: TimelineEntry, body: str, occurred_at: datetime | None = None
) -> TimelineEntry:
    """Supersede an entry; the old text stays readable. Raises IncidentError, also when someone was first."""
    if entry.kind not in WRITTEN_KINDS:
        raise IncidentError("This is the portal's own record of what was done; log a line beside it instead.")
    if not body.strip() or len(body) > MAX_BODY:
        raise IncidentError(f"Write between 1 and {MAX_BODY:,} characters.")
    check_occurred(occurred_at, at)
    try:
        with transaction.atomic():
            correction = append(
                entry.incident,
                kind=entry.kind,
                body=body,
                by=by,
                at=at,
                occurred_at=occurred_at or entry.occurred_at,
                supersedes=entry,
            )
            # What was pinned, starred or tagged is what is true now.
            EntryMark.objects.filter(entry=entry).update(entry=correction)
            record(
                by=by,
                at=at,
                verb="incidents.entry.corrected",
                obj_kind="incident",
                obj_id=entry.incident_id,
                platform_id=entry.incident.platform_id,
                data={"entry": correction.pk, "supersedes": entry.pk},
            )
    except IntegrityError as error:
        raise IncidentError("Someone corrected this entry first; correct theirs instead.") from error
    return correction
