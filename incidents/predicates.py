"""Words of docs/rbac.csv that this room gives a meaning."""

from incidents.models import Incident, Review, ReviewSection, TimelineEntry
from opsportal.core.actor import Actor


def holds_command(actor: Actor, obj: object) -> bool:
    """Whoever holds command of that incident now has a commander's rights on it."""
    incident = obj.incident if isinstance(obj, Review) else obj
    return isinstance(incident, Incident) and actor.user_id is not None and incident.commander_id == actor.user_id


def commands_or_communicates(actor: Actor, obj: object) -> bool:
    """Whoever holds command of that incident now, or its communications role."""
    if not isinstance(obj, Incident) or actor.user_id is None:
        return False
    return actor.user_id in (obj.commander_id, obj.communicator_id)


def not_author(actor: Actor, obj: object) -> bool:
    """Another person than the review's author."""
    review = obj.review if isinstance(obj, ReviewSection) else obj
    return isinstance(review, Review) and actor.user_id is not None and review.author_id != actor.user_id


def own_or_commands(actor: Actor, obj: object) -> bool:
    """The author of a timeline entry, or who commands its incident."""
    if not isinstance(obj, TimelineEntry) or actor.user_id is None:
        return False
    return actor.user_id in (obj.author_id, obj.incident.commander_id)
