"""Chainable filters; each hides what the actor may not know to exist."""

from datetime import datetime
from typing import Any, Self

from django.db.models import CharField, DateField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from incidents.choices import UNFINISHED, StateChoice
from opsportal.core.actor import Actor
from opsportal.core.models import M_co, PlatformQuerySet
from opsportal.platforms.days import day_end


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

    def references(self) -> QuerySet[Any, Any]:
        """INC-12 of each, as what a plan's subject is compared with."""
        reference = Concat(Value("INC-"), Cast("number", CharField()), output_field=CharField())
        found: QuerySet[Any, Any] = self.annotate(subject=reference).values("subject")
        return found

    def open(self) -> Self:
        return self.filter(state=StateChoice.OPEN)


class IncidentPartQuerySet(PlatformQuerySet[M_co]):
    """Rows that hang on an incident, by `incident_path`, and are as visible as it is."""

    incident_path = "incident"
    platform_path = "incident__platform_id"

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        from incidents.models import Incident

        return self.filter(**{f"{self.incident_path}__in": Incident.objects.visible_to(actor)})


class ReviewPartQuerySet(IncidentPartQuerySet[M_co]):
    """Rows that hang on a review."""

    incident_path = "review__incident"
    platform_path = "review__incident__platform_id"


class SectionPartQuerySet(IncidentPartQuerySet[M_co]):
    """Rows that hang on a section of a review."""

    incident_path = "section__review__incident"
    platform_path = "section__review__incident__platform_id"


class ProblemPartQuerySet(PlatformQuerySet[M_co]):
    """Rows that hang on a problem record."""

    platform_path = "problem__platform_id"


class RetrospectivePartQuerySet(PlatformQuerySet[M_co]):
    """Rows that hang on a retrospective."""

    platform_path = "retrospective__platform_id"


class ActionItemQuerySet(PlatformQuerySet[M_co]):
    """Action items; one from a restricted incident is as hidden as it."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        from incidents.models import Incident

        mine = super().visible_to(actor)
        return mine.filter(Q(incident__isnull=True) | Q(incident__in=Incident.objects.visible_to(actor)))

    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def with_end(self) -> Self:
        """With `ends_at`: when the day it is due is over, in its platform's zone, whoever reads it from wherever."""
        return self.annotate(ends_at=day_end("due_date"))

    def overdue(self, at: datetime) -> Self:
        """Unfinished ones whose day is over on their platform."""
        # The day of the instant bounds what is read; no zone is a whole day ahead of it.
        last = Cast(at, DateField())  # type: ignore[arg-type]  # Django makes a Value of it
        return self.unfinished().filter(due_date__lte=last).with_end().filter(ends_at__lte=at)
