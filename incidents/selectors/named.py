"""What people name by a word: a severity, a person, an incident. One answer each, wherever the word was written."""

from incidents.errors import NoSeverityError, UnknownNameError
from incidents.models import Incident
from incidents.selectors.lists import incident_by_number
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.platforms.models import Membership, Platform, Service, Severity

MOST_NAMED = 5
LONGEST_NAME = 5  # words
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def severities_of(platform_id: int) -> list[Severity]:
    """What the platform rates its incidents by, worst first."""
    return list(Severity.objects.of_platform(platform_id).of_incidents())


def severity_of_rank(platform_id: int, rank: int) -> Severity:
    """The severity nearest to `rank`, the worse of two. Raises NoSeverityError."""
    known = severities_of(platform_id)
    if not known:
        raise NoSeverityError
    return min(known, key=lambda row: (abs(row.rank - rank), row.rank))


def severity_said(platform_id: int, text: str) -> tuple[Severity, str]:
    """The severity that `text` begins with, as "P1", "sev 1", "SEV1" or plain "1", and the why that follows.

    Raises UnknownNameError.
    """
    rows = severities_of(platform_id)
    known: dict[str, Severity] = {}
    for row in rows:
        label = row.label.casefold().replace(" ", "")
        for said in (label, label.lstrip(_LETTERS)):
            known.setdefault(said, row)
    words = text.split()
    for count in (2, 1):
        found = known.get("".join(words[:count]).casefold()) if words else None
        if found is not None:
            return found, text.split(maxsplit=count)[count] if len(words) > count else ""
    labels = ", ".join(row.label for row in rows) or "none"
    raise UnknownNameError("severity", f"{words[0] if words else 'Nothing'} is no severity here. Known: {labels}.")


def severity_named(platform_id: int, text: str) -> Severity:
    """The severity that is all of `text`. Raises UnknownNameError."""
    severity, rest = severity_said(platform_id, text)
    if rest:
        raise UnknownNameError("severity", f"{text} is no severity here.")
    return severity


def person_named(platform_id: int, text: str, field: str = "person") -> int:
    """The one active member of that address, or whose name or address begins with `text`. Raises UnknownNameError."""
    rows = Membership.objects.filter(platform_id=platform_id, user__is_active=True)
    people = list(rows.order_by("user_id").values_list("user_id", "user__name", "user__email"))
    wanted = text.strip().casefold()
    found = [pk for pk, name, email in people if wanted in (name.casefold(), email.casefold())]
    if not found and wanted and "@" not in wanted:  # the beginning of an address would be another person's
        begins = [(pk, (name.casefold(), email.casefold())) for pk, name, email in people]
        found = [pk for pk, said in begins if any(word.startswith(wanted) for word in said)]
    if not found:
        raise UnknownNameError(field, f"Nobody on this platform is called {text or 'nothing'}.")
    if len(found) > 1:
        named = [f"{name} ({email})" for pk, name, email in people if pk in found]
        more = f" or {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        said = f"{text} could be {', '.join(named[:MOST_NAMED])}{more}; write more of the name, or the address."
        raise UnknownNameError(field, said)
    return int(found[0])


def person_leading(platform_id: int, text: str) -> tuple[int, str]:
    """The member whose name stands at the front of `text`, with or without a colon, and the words behind it.

    Raises UnknownNameError.
    """
    words = text.split()
    for count in range(min(len(words) - 1, LONGEST_NAME), 1, -1):
        try:
            return person_named(platform_id, " ".join(words[:count]).rstrip(":")), " ".join(words[count:])
        except UnknownNameError:
            continue
    return person_named(platform_id, words[0].rstrip(":")), " ".join(words[1:])


def place_named(by: Actor, action: str, platform: str, service: str = "") -> tuple[Platform, Service | None]:
    """What has those keys, if `by` may do `action` there. Raises UnknownNameError, DeniedError."""
    place: Platform | None = Platform.objects.visible_to(by).filter(key=platform).first()
    if place is None:
        raise UnknownNameError("platform", f"There is no platform {platform}, or it is not for you.")
    authorize(by, action, place)
    found: Service | None = Service.objects.filter(platform=place, key=service).first() if service else None
    if service and found is None:
        raise UnknownNameError("service", f"{platform} has no service {service}.")
    return place, found


def incident_named(by: Actor, number: int, action: str, field: str) -> Incident:
    """INC-`number` as far as `by` may know it and do that to it. Raises UnknownNameError."""
    try:
        other = incident_by_number(by, number)
        authorize(by, action, other)
    except HiddenError as error:
        raise UnknownNameError(field, f"There is no INC-{number}, or it is not for you.") from error
    except DeniedError as error:
        raise UnknownNameError(field, f"You may not do this to INC-{number}.") from error
    return other
