"""What reviews found and teach: cause chains, and the lessons of all published ones."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

from django.db.models import Exists, OuterRef

from incidents.choices import CauseKind, ReviewState
from incidents.models import Cause, Retrospective, Review, ReviewSection
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page

TEACHING: Final = ("lessons", "prevention", "training", "tools")


class CauseLine(NamedTuple):
    """A cause and how many whys deep it stands."""

    cause: Cause
    depth: int


def causes_of(review: Review) -> list[CauseLine]:
    """The cause chain in reading order: each cause, then what explains it; siblings as they were added."""
    under: dict[int | None, list[Cause]] = {}
    for cause in Cause.objects.filter(review=review).order_by("pk"):
        under.setdefault(cause.parent_id, []).append(cause)

    def lines(parent_id: int | None, depth: int) -> Iterator[CauseLine]:
        for cause in under.get(parent_id, ()):
            yield CauseLine(cause, depth)
            yield from lines(cause.pk, depth + 1)

    return list(lines(None, 0))


def cause_lines(causes: Iterable[CauseLine]) -> list[str]:
    """The chain as a list of Markdown."""
    return [f"{'  ' * line.depth}- {line.cause.text} ({CauseKind(line.cause.kind).label.lower()})" for line in causes]


def retrospective_of(actor: Actor, pk: int) -> Retrospective:
    """One look back. Raises HiddenError when this actor may not know of it."""
    rows = Retrospective.objects.visible_to(actor).select_related("platform", "closed_by")
    row: Retrospective | None = rows.filter(pk=pk).first()
    if row is None:
        raise HiddenError("incidents.retrospective_view")
    return row


class Lesson(NamedTuple):
    """What a published review teaches: its sections of that kind as (title, text)."""

    number: int
    title: str
    rank: int
    label: str
    platform_key: str
    published_at: datetime
    texts: Sequence[tuple[str, str]]

    @property
    def reference(self) -> str:
        return f"INC-{self.number}"

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/review/"


class LessonPage(NamedTuple):
    lessons: Sequence[Lesson]
    next_cursor: str | None
    previous_cursor: str | None


def lesson_page(
    actor: Actor, *, platform_id: int | None, cursor: str | None, since: datetime | None = None, size: int = 20
) -> LessonPage:
    """Published reviews that say what they teach, newest first."""
    taught = ReviewSection.objects.filter(key__in=TEACHING).exclude(body="")
    rows = Review.objects.visible_to(actor).of_platform(platform_id).filter(state=ReviewState.PUBLISHED)
    rows = rows.filter(Exists(taught.filter(review_id=OuterRef("pk"))))
    if since is not None:
        rows = rows.filter(published_at__gte=since)
    rows = rows.select_related("incident__severity", "incident__platform")
    page: Page[Review] = keyset_page(rows, order=("-published_at", "-pk"), cursor=cursor, size=size)
    texts: dict[int, list[tuple[str, str]]] = {}
    sections = taught.filter(review__in=page.rows).order_by("position", "pk")
    for review_id, title, body in sections.values_list("review_id", "title", "body"):
        texts.setdefault(review_id, []).append((title, body))
    lessons = [
        Lesson(
            number=row.incident.number,
            title=row.incident.title,
            rank=row.incident.rank,
            label=row.incident.severity.label,
            platform_key=row.incident.platform.key,
            published_at=cast("datetime", row.published_at),
            texts=texts.get(row.pk, ()),
        )
        for row in page.rows
    ]
    return LessonPage(lessons, page.next_cursor, page.previous_cursor)
