"""A mail as it went over the wire (RFC 5322): what its subject says is the alert."""

import email
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Final

from monitoring.intake.alerts import AlertIn, ParseError, alert_in, line, moment

_WORDS: Final = r"resolved|recovered|recovery|cleared|ok|closed|back\ to\ normal"
_OVER: Final = re.compile(rf"\b({_WORDS}|up)\b", re.IGNORECASE)
# A state, not any word of a sentence: in brackets, before a colon at the beginning, said of something, or last.
_IS_OVER: Final = re.compile(
    rf"""[\[(]\s*(?:{_WORDS}|up)(?![\w-])[^\])]*[\])]
    | ^\W*(?:(?:re|fwd?|aw):\s*)*(?:{_WORDS}|up)\s*(?:[:|–—]|-\s)
    | \b(?:is|are|has|have|been|now|back)\s+(?:{_WORDS}|up)\s*(?::|\W*$)
    | \b(?:{_WORDS}|(?-i:UP))\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_OVER: Final = re.compile(rf"(?:\b(?:not|never|no longer)|n['’]t)(?:\s+\w+)?\s+(?:{_WORDS}|up)\b", re.IGNORECASE)
_BAD: Final = re.compile(r"\b(alarm|firing|down|critical|failed|failing|alert|problem|triggered)\b", re.IGNORECASE)
_NOISE: Final = re.compile(r"\[[^\]]*\]|\b(re|fwd?|aw):|[^\w\s./-]", re.IGNORECASE)
_TAGS: Final = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_BODY: Final = 20_000  # characters looked at


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    try:
        return [_alert(email.message_from_bytes(body))]
    except ParseError:
        raise
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        # The library meets malformed mails with all of these.
        raise ParseError("This is no mail that can be read.") from error


def _alert(mail: Message) -> AlertIn:
    subject = _header(mail, "Subject")
    if not subject:
        raise ParseError("The mail has no subject: it is posted raw, headers first.")
    is_over = _IS_OVER.search(subject) is not None and _NOT_OVER.search(subject) is None
    is_over = is_over and _BAD.search(_OVER.sub("", subject)) is None
    about = " ".join(_OVER.sub("", _BAD.sub("", _NOISE.sub(" ", subject))).lower().split()) or subject.lower()
    sender, number = _header(mail, "From"), _header(mail, "Message-ID")
    return alert_in(
        title=subject,
        is_firing=not is_over,
        subject=(about,),
        event=("mail", number) if number else (),
        at=_date(mail),
        text=_text(mail),
        signal="",
        labels={"from": sender},
    )


def _header(mail: Message, name: str) -> str:
    return line(str(make_header(decode_header(str(mail.get(name, ""))))), 240)


def _date(mail: Message) -> datetime | None:
    found = parsedate_to_datetime(str(mail["Date"])) if mail["Date"] else None
    if found is None:
        return None
    return moment((found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat())


def _text(mail: Message) -> str:
    """The first part that is plain text, else the first that is HTML without its tags."""
    parts = [part for part in mail.walk() if part.get_content_type() in ("text/plain", "text/html")]
    parts.sort(key=lambda part: part.get_content_type() != "text/plain")
    for part in parts:
        raw = part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            continue
        text = raw[:_BODY].decode(part.get_content_charset() or "utf-8", "replace")
        return unescape(_TAGS.sub(" ", text)) if part.get_content_type() == "text/html" else text
    return ""
