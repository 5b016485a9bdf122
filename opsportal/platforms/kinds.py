"""The kinds of rows that make up a platform's policy: one table drives their pages and their API."""

from dataclasses import dataclass
from typing import Any, Final

from opsportal.core.models import VersionedModel
from opsportal.platforms import forms
from opsportal.platforms.models import (
    BusinessCalendar,
    Contact,
    Environment,
    Link,
    Platform,
    Service,
    Severity,
    SeverityAlias,
    SeverityScheme,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row: its model, its form, its words, and the columns of its table (heading, attribute)."""

    slug: str
    model: type[VersionedModel]
    form: type[forms.RowForm]
    noun: str
    plural: str
    icon: str
    columns: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    empty: str

    def rows(self, platform: Platform) -> Any:
        """The rows of one platform, in order."""
        manager: Any = self.model._default_manager
        path = manager.all().platform_path
        related = [name for name in ("environment", "scheme", "severity") if name in self.form.base_fields]
        return manager.filter(**{path: platform.pk}).select_related(*related).order_by(*self.order, "pk")

    def new_row(self, platform: Platform, values: dict[str, Any]) -> VersionedModel:
        """An unsaved row of the platform."""
        own = {} if self.model is Severity else {"platform": platform}
        return self.model(**own, **values)


KINDS: Final = {
    kind.slug: kind
    for kind in (
        Kind(
            "environments",
            Environment,
            forms.EnvironmentForm,
            "environment",
            "Environments",
            "server",
            (("Name", "name"), ("Key", "key"), ("Zone", "zone"), ("Production", "is_production")),
            ("-is_production", "name"),
            "An environment has its own zone: checklists and windows are read in it.",
        ),
        Kind(
            "services",
            Service,
            forms.ServiceForm,
            "service",
            "Services",
            "package",
            (("Name", "name"), ("Key", "key"), ("Environment", "environment"), ("Selectors", "selectors")),
            ("name",),
            "A service is what users notice when it breaks; selectors say which AWS resources carry it.",
        ),
        Kind(
            "schemes",
            SeverityScheme,
            forms.SeveritySchemeForm,
            "severity scheme",
            "Severity schemes",
            "scale",
            (("Name", "name"), ("For", "get_kind_display"), ("From", "get_source_display")),
            ("kind",),
            "A platform may have two scales: one for alerts, one for incidents.",
        ),
        Kind(
            "severities",
            Severity,
            forms.SeverityForm,
            "severity",
            "Severities",
            "flame",
            (("Label", "label"), ("Name", "name"), ("Rank", "rank"), ("Scheme", "scheme.name"), ("Pages", "pages")),
            ("scheme__kind", "rank"),
            "Rank 1 is worst everywhere; the label is the platform's own word.",
        ),
        Kind(
            "aliases",
            SeverityAlias,
            forms.SeverityAliasForm,
            "alias",
            "Severity aliases",
            "link",
            (("Word", "word"), ("Used by", "source"), ("Means", "severity")),
            ("source", "word"),
            "What another source calls a severity of ours.",
        ),
        Kind(
            "calendars",
            BusinessCalendar,
            forms.BusinessCalendarForm,
            "business calendar",
            "Business calendars",
            "calendar",
            (("Name", "name"), ("Zone", "zone"), ("Opens", "opens_at"), ("Closes", "closes_at")),
            ("name",),
            "Clocks that run in business hours only follow a calendar.",
        ),
        Kind(
            "contacts",
            Contact,
            forms.ContactForm,
            "contact",
            "Contacts",
            "phone",
            (("Name", "name"), ("Duty", "duty"), ("Level", "level"), ("Phone", "phone"), ("E-mail", "email")),
            ("level", "name"),
            "Who is reached, in which order.",
        ),
        Kind(
            "links",
            Link,
            forms.LinkForm,
            "link",
            "Links",
            "external-link",
            (("Name", "name"), ("Address", "url")),
            ("name",),
            "Status page, wiki, dashboards.",
        ),
    )
}


def cell(row: VersionedModel, path: str) -> Any:
    """The value of a column: attributes along `path`, called where they are methods."""
    value: Any = row
    for part in path.split("."):
        value = getattr(value, part)
    return value() if callable(value) else value
