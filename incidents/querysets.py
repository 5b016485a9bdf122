"""Chainable filters; each hides what the actor may not know to exist."""

from typing import Self

from django.db.models import Exists, OuterRef, Q

from incidents.choices import StateChoice
from opsportal.core.actor import Actor
from opsportal.core.models import M_co, PlatformQuerySet


class IncidentQuerySet(PlatformQuerySet[M_co]):
    """Incidents; a restricted one exists only for auditors, its commander, its declarer and those named."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        known = Q(is_restricted=False)
        if actor.user_id is not None and actor.kind != "token":  # programs never know of them
            from incidents.models import IncidentAccess

            named = IncidentAccess.objects.filter(incident_id=OuterRef("pk"), user_id=actor.user_id)
            known |= Q(commander_id=actor.user_id) | Q(declared_by_id=actor.user_id)
            known |= Q(platform_id__in=actor.platforms_with("auditor"))
            known |= Q(Exists(named))
        return super().visible_to(actor).filter(known)

    def hidden_from(self, actor: Actor) -> Self:
        """The restricted ones that this actor may not know to exist; only restricted ones are looked at."""
        restricted = self.filter(is_restricted=True).order_by()
        return restricted.exclude(pk__in=restricted.visible_to(actor).values("pk"))

    def open(self) -> Self:
        return self.filter(state=StateChoice.OPEN)


class IncidentPartQuerySet(PlatformQuerySet[M_co]):
    """Rows that hang on an incident and are as visible as it is."""

    platform_path = "incident__platform_id"

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        from incidents.models import Incident

        return self.filter(incident__in=Incident.objects.visible_to(actor))


class ReviewPartQuerySet(PlatformQuerySet[M_co]):
    """Rows that hang on a review."""

    platform_path = "review__incident__platform_id"

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        from incidents.models import Incident

        return self.filter(review__incident__in=Incident.objects.visible_to(actor))


class ActionItemQuerySet(PlatformQuerySet[M_co]):
    """Action items; one from a restricted incident is as hidden as it."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        from incidents.models import Incident

        mine = super().visible_to(actor)
        return mine.filter(Q(incident__isnull=True) | Q(incident__in=Incident.objects.visible_to(actor)))
