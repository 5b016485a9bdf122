"""Reviews and action items."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber

from incidents.choices import (
    KEY_KINDS,
    UNFINISHED,
    ActionPriority,
    ClockKind,
    EntryKind,
    IncidentRole,
    MarkKind,
    ReviewState,
    StateChoice,
    Verdict,
)
from incidents.models import (
    ActionItem,
    EntryMark,
    Incident,
    IncidentClock,
    ResponseTask,
    Review,
    ReviewApproval,
    ReviewEdition,
    ReviewSection,
    TimelineEntry,
)
from incidents.querysets import ActionItemQuerySet
from incidents.selectors.detail import ENTRY_COLUMNS, EntryView
from incidents.selectors.documented import missing_texts
from incidents.selectors.drafting import OPTIONAL
from incidents.selectors.waves import Wave
from monitoring.selectors.slo_detail import ReviewMark
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, allows
from opsportal.core.pagination import Page, keyset_page
from opsportal.core.prepared import Read, Row

KEY_ENTRIES: Final = 40
COURSE_ENTRIES: Final = 200  # of what is not cut before the rest is
REST_ENTRIES: Final = 15  # of the rest, where the course alone fills the others' place
AFTER_ENTRIES: Final = 100
COURSE_KINDS: Final = (EntryKind.STATE, EntryKind.SEVERITY, EntryKind.UPDATE, EntryKind.PLAN)
NEVER: Final = datetime.max.replace(tzinfo=UTC)
# How long unfinished items have stood: key, words, from and to how many days.
AGES: Final = (
    ("age-week", "up to a week", 0, 7),
    ("age-month", "8 to 30 days", 7, 30),
    ("age-quarter", "31 to 90 days", 30, 90),
    ("age-older", "over 90 days", 90, 36_500),
)


Rows = ActionItemQuerySet[ActionItem]
Narrow = Callable[[Rows, Actor, datetime], Rows]


def _aged(least: int, most: int, at: datetime) -> Q:
    return Q(created_at__gt=at - timedelta(days=most), created_at__lte=at - timedelta(days=least))


def _age_view(least: int, most: int) -> Narrow:
    return lambda rows, _actor, at: rows.unfinished().filter(_aged(least, most, at))


ACTION_VIEWS: Final[Mapping[str, Narrow]] = {
    "": lambda rows, _actor, _at: rows.unfinished(),
    "overdue": lambda rows, _actor, at: rows.overdue(at),
    "mine": lambda rows, actor, _at: rows.unfinished().filter(owner_id=actor.user_id or 0),
    "unowned": lambda rows, _actor, _at: rows.unfinished().filter(owner__isnull=True),
    "urgent": lambda rows, _actor, _at: rows.unfinished().filter(priority=ActionPriority.HIGH),
    "finished": lambda rows, _actor, _at: rows.exclude(state__in=UNFINISHED),
    **{key: _age_view(least, most) for key, _words, least, most in AGES},
}


class Owed(NamedTuple):
    """An overdue action item, a review that is not published yet, one that waits for a reader, or a response task of
    the reader's own, for Today.

    `due_at` is of an action item when its day was over, of the third kind (`reading`) when it was handed in, and `who`
    its author. A task (`task`) has its incident's number.
    """

    kind: str
    number: int
    title: str
    who: str | None
    due_at: datetime | None

    @property
    def reference(self) -> str:
        return f"ACT-{self.number}" if self.kind == "action" else f"INC-{self.number} review"


def review_of(actor: Actor, number: int) -> Review:
    """The review of INC-`number`. Raises HiddenError when there is none that this actor may see."""
    rows = Review.objects.visible_to(actor).select_related(
        "incident__platform", "incident__service", "incident__severity", "incident__commander", "author", "published_by"
    )
    review = rows.filter(incident__number=number).first()
    if review is None:
        raise HiddenError("incidents.review_view")
    review.incident.seen_by = actor
    return review


def review_marks(references: Sequence[str]) -> dict[str, ReviewMark]:
    """How the reviews of these incidents stand, for the SLO pages, which know incidents by reference alone."""
    numbers = [int(reference.removeprefix("INC-")) for reference in references]
    rows = Review.objects.filter(incident__number__in=numbers).select_related("incident").order_by("pk")
    return {
        row.incident.reference: ReviewMark(
            state=row.get_state_display().lower(), url=row.url, is_published=row.state == ReviewState.PUBLISHED
        )
        for row in rows
    }


def sections_of(review: Review) -> list[ReviewSection]:
    rows = ReviewSection.objects.filter(review=review).select_related("edited_by")
    return list(rows.order_by("position", "pk"))


def approvals_of(review: Review) -> list[ReviewApproval]:
    """Who read it and what they said, newest first."""
    return list(ReviewApproval.objects.filter(review=review).select_related("user").order_by("-at", "-pk")[:20])


def publication_notes(approvals: Iterable[ReviewApproval]) -> dict[datetime, str]:
    """What was said on publishing, by the instant it was published; why it was published although, among it."""
    return {row.at: row.note for row in approvals if row.verdict == Verdict.AGREED and row.note}


def gaps_of(
    incident: Incident, sections: Iterable[ReviewSection], items: Iterable[ActionItem], waves: Iterable[Wave]
) -> list[str]:
    """What a review is not published without a word, in words.

    Sections without text, waves without a cause that no person named in the review's own, unfinished action items
    without owner, an incident that is not closed, with what that waits for.
    """
    sections = list(sections)
    named = " ".join(row.body.lower() for row in sections if row.key == "cause" and row.edited_at is not None)
    waves = [wave for wave in waves if not wave.cause.strip() and f"wave {wave.number}" not in named]
    missing = f", its {' and '.join(texts)} not written" if (texts := missing_texts(incident)) else ""
    unclosed = [f"{incident.reference} is not closed{missing}"] if incident.closed_at is None else []
    empty = [row.title for row in sections if row.key not in OPTIONAL and not row.body.strip()]
    unowned = [item.reference for item in items if item.is_unfinished and item.owner_id is None]
    return [
        *(f"{title} is empty" for title in empty),
        *(f"wave {wave.number} has no cause" for wave in waves),
        *(f"{reference} has no owner" for reference in unowned),
        *unclosed,
    ]


def editions_of(review: Review) -> list[ReviewEdition]:
    """What was published of it before its incident was reopened, newest first; without the record each stood on."""
    rows = ReviewEdition.objects.filter(review=review, version__lt=review.version)
    return list(rows.select_related("author", "published_by").defer("record").order_by("-version"))


def edition_of(review: Review, version: int) -> ReviewEdition | None:
    """That version as it was published, if it was."""
    rows = ReviewEdition.objects.filter(review=review, version=version)
    found: ReviewEdition | None = rows.select_related("author", "published_by").first()
    if found is not None:
        found.review = review  # with its incident, as this reader may know it
    return found


def _key_rows(incident: Incident) -> Any:
    """The moments that changed the course, `weight` what is not cut before the rest is: what was pinned, then state,
    severity, updates, plans, command.

    What people say happened before anything was detected belongs to them: the recorded beginning stands on it, or may
    be wrong. So does what was corrected afterwards.
    """
    is_early = Q(kind=EntryKind.LOG, occurred_at__lt=incident.detected_at) | Q(supersedes__isnull=False)
    pins = EntryMark.objects.filter(kind=MarkKind.PIN)
    is_pinned = Exists(pins.filter(entry=OuterRef("pk"))) | Exists(pins.filter(entry=OuterRef("supersedes_id")))
    is_course = Q(kind__in=COURSE_KINDS) | Q(data__role=IncidentRole.COMMANDER)
    weight = Case(When(is_pinned, then=2), When(is_course, then=1), default=0)
    rows = TimelineEntry.objects.filter(incident=incident, superseded_by__isnull=True).annotate(weight=weight)
    return rows.filter(Q(kind__in=KEY_KINDS) | Q(weight=2) | is_early)


def key_entries(incident: Incident, waves: Sequence[Wave] = ()) -> list[EntryView]:
    """The moments that changed the course, as they stand corrected, in the order in which they happened.

    Of many all of how the incident went on, and of the rest the first of each kind in each wave, then the second …:
    no wave and no kind takes the place of another. `key_entries_cut` says how many more there are.
    """
    begun = [When(occurred_at__gte=wave.began_at, then=wave.number) for wave in reversed(waves[1:])]
    wave = Case(*begun, default=1, output_field=IntegerField())
    place = Window(RowNumber(), partition_by=[F("weight"), F("wave"), F("kind")], order_by=("occurred_at", "number"))
    rows = _key_rows(incident).annotate(wave=wave).annotate(place=place)
    rows = rows.order_by("-weight", "place", "occurred_at", "number").values_list(*ENTRY_COLUMNS, "weight")
    kept = list(rows[:COURSE_ENTRIES])
    most = max(KEY_ENTRIES, sum(row[-1] > 0 for row in kept) + REST_ENTRIES)
    found = [EntryView(*row[:-1]) for row in kept[:most]]
    return sorted(found, key=lambda entry: (entry.occurred_at, entry.number))


def key_entries_after(incident: Incident, number: int) -> tuple[list[EntryView], int]:
    """The first key moments that were written down after line `number`, and how many more there are."""
    rows = _key_rows(incident).filter(number__gt=number)
    first = rows.order_by("occurred_at", "number").values_list(*ENTRY_COLUMNS)[:AFTER_ENTRIES]
    found = [EntryView(*row) for row in first]
    return found, rows.count() - len(found) if len(found) >= AFTER_ENTRIES else 0


def key_entries_cut(incident: Incident, shown: Sequence[EntryView]) -> int:
    """How many more moments there are than those of `key_entries`; asked only where some may have been cut."""
    return _key_rows(incident).count() - len(shown) if len(shown) >= KEY_ENTRIES else 0


def action_items_of(incident: Incident) -> list[ActionItem]:
    rows = ActionItem.objects.filter(incident=incident).with_end().select_related("owner", "incident")
    return list(rows.order_by("due_date", "number"))


def action_item(actor: Actor, number: int) -> ActionItem:
    """ACT-`number`. Raises HiddenError."""
    rows = ActionItem.objects.visible_to(actor).with_end().select_related("owner", "incident", "platform")
    item = rows.filter(number=number).first()
    if item is None:
        raise HiddenError("incidents.action_item_view")
    return item


def action_page(
    actor: Actor, *, platform_id: int | None, view: str, at: datetime, cursor: str | None, size: int = 50
) -> Page[ActionItem]:
    """The board: unfinished ones by default, the longest overdue first, without a day last; finished ones newest first.

    `view` is one of ACTION_VIEWS.
    """
    rows = ActionItem.objects.visible_to(actor).select_related("owner", "incident", "platform")
    rows = ACTION_VIEWS.get(view, ACTION_VIEWS[""])(rows.of_platform(platform_id), actor, at).with_end()
    if view == "finished":
        return keyset_page(rows, order=("-number",), cursor=cursor, size=size)
    rows = rows.annotate(until=Coalesce("ends_at", Value(NEVER)))
    return keyset_page(rows, order=("until", "-number"), cursor=cursor, size=size)


def action_ages(actor: Actor, *, platform_id: int | None, at: datetime) -> list[tuple[str, str, int]]:
    """How many unfinished items have stood how long: key of the view that shows them, words, number."""
    rows = ActionItem.objects.visible_to(actor).of_platform(platform_id).unfinished()
    counts = {key: Count("pk", filter=_aged(least, most, at)) for key, _words, least, most in AGES}
    found = rows.aggregate(**{key.replace("-", "_"): count for key, count in counts.items()})
    return [(key, words, found[key.replace("-", "_")]) for key, words, *_ in AGES]


def owed_read(actor: Actor, at: datetime, platform_id: int | None, limit: int) -> Read:
    """Action items past their day, reviews this person may publish, reviews whose clock runs, own tasks: for `owed`.

    At most `limit` of each, the longest waiting or next due first.
    """
    asked = [pk for pk in actor.platform_ids if allows(actor, "incidents.review_publish", _review_on(pk))]
    values = {"at": at, "platform_id": platform_id, "readable": sorted(asked)}
    return Read(partial(_owed, limit), values)


def owed(rows: Iterable[Row]) -> Sequence[Owed]:
    """What `owed_read` gave."""
    return sorted(map(Owed._make, rows), key=lambda row: (row.kind, row.due_at is None, row.due_at, row.number))


def _review_on(platform_id: int) -> Review:
    """Somebody's review there, to ask the gate about."""
    return Review(incident=Incident(platform_id=platform_id))


def _owed(limit: int, actor: Actor, at: datetime, platform_id: int | None, readable: Any) -> Any:
    items = ActionItem.objects.visible_to(actor).of_platform(platform_id).overdue(at)
    clocks = IncidentClock.objects.visible_to(actor).of_platform(platform_id)
    clocks = clocks.filter(kind=ClockKind.REVIEW, stopped_at__isnull=True)
    clocks = clocks.exclude(incident__review__state=ReviewState.PUBLISHED)
    actions = items.annotate(what=Value("action"), due=F("ends_at")).order_by("due", "number")
    reviews = clocks.annotate(what=Value("review"), due=F("due_at")).order_by("due", "incident__number")
    first = actions.values_list("what", "number", "title", "owner__name", "due")[:limit]
    second = reviews.values_list("what", "incident__number", "incident__title", "incident__severity__label", "due")
    read = Review.objects.visible_to(actor).of_platform(platform_id)
    read = read.filter(state=ReviewState.IN_REVIEW, incident__platform_id__in=readable)
    read = read.filter(Q(author__isnull=True) | ~Q(author_id=actor.user_id))
    reading = read.annotate(what=Value("reading"), due=F("submitted_at")).order_by("due", "incident__number")
    third = reading.values_list("what", "incident__number", "incident__title", "author__name", "due")
    tasks = ResponseTask.objects.visible_to(actor).of_platform(platform_id)
    tasks = tasks.filter(owner_id=actor.user_id, done_at__isnull=True).exclude(incident__state=StateChoice.CLOSED)
    own = tasks.annotate(what=Value("task"), due=F("due_at")).order_by("due", "pk")
    fourth = own.values_list("what", "incident__number", "title", "incident__title", "due")
    return first.union(second[:limit], third[:limit], fourth[:limit], all=True)
