"""Texts that are kept for ever: each that a document had, beside the one that stands (M-PIR)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from opsportal.core.actor import Actor
from opsportal.core.models import AppendOnlyModel, VersionedModel


class SavedText(AppendOnlyModel):
    """A text as it was saved: the one that stands, and each that stood before it."""

    nobody: ClassVar[str] = "the portal"  # who saved what no person did, in words

    version = models.PositiveIntegerField(help_text="of the row that it is a text of")
    body = models.TextField(blank=True)
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", help_text="None: no person"
    )
    saved_at = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def who(self) -> str:
        return self.saved_by.name if self.saved_by else self.nobody


class Document(VersionedModel):
    """A row whose texts are people's: `texts` are all that were saved in it."""

    texts: Any

    class Meta:
        abstract = True

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def whole(self) -> str:
        """What people wrote in it, as one text of Markdown."""
        raise NotImplementedError

    def keep(self, *, by: Actor, at: datetime) -> None:
        """Keep for ever what was just saved, inside the caller's transaction."""
        self.texts.create(version=self.version, body=self.whole, saved_by_id=by.user_id, saved_at=at)

    @property
    def texts_url(self) -> str:
        return f"{self.url}texts/"

    def text_at(self, version: int) -> str | None:
        """What stood here as this version, None when it is not known."""
        if version > self.version:
            return None
        body: str | None = (
            self.texts.filter(version__lte=version).order_by("-version").values_list("body", flat=True).first()
        )
        return body


def as_one(parts: Iterable[tuple[str, str]]) -> str:
    """Titled texts as one of Markdown; "" while nothing is written in any."""
    found = list(parts)
    if not any(text.strip() for _title, text in found):
        return ""
    return "\n\n".join(f"## {title}\n\n{text}".rstrip() for title, text in found)
