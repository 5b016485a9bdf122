"""Text of people: cleaned on the way in, rendered safely on the way out."""

import re
from collections.abc import Collection, Sequence
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_TAGS: Final = {
    *("a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
    *("s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto"}
_parser: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# What HTML takes for the beginning of markup, but for a link in angle brackets that can hold no attribute.
_MARKUP: Final = re.compile(r"(\\*)<(?=[A-Za-z/!?])(?!(?:https?://|mailto:)[^\s<>\"'`=]*>)")
_READERS: Final = (MarkdownIt("commonmark"), MarkdownIt("commonmark").enable("table"))
_PLACE: Final = 0xF0000  # private use: no Markdown means anything by it
_MOST_PLACES: Final = 0xFFFD
_CODE: Final = frozenset({"fence", "code_block", "code_inline"})


def clean_text(text: str) -> str:
    """`text` with what PostgreSQL cannot hold (NUL, lone surrogates) replaced by U+FFFD, and LF line ends."""
    return _UNSTORABLE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def is_safe_url(url: str) -> bool:
    """Whether a link a person typed may be shown as a link: http, https or mailto."""
    try:
        return urlsplit(url.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def render_markdown(text: str) -> Markup:
    """CommonMark with tables; raw HTML and remote images stay text, links open only safe schemes."""
    html = _parser.render(clean_text(text))
    # Headings start below the page's own h1.
    html = html.replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return Markup(cleaned)  # noqa: S704 - cleaned by the allow-list above


def html_as_text(text: str) -> str:
    """Markdown in which raw HTML is text, for files that a viewer outside the portal renders.

    A `<` that HTML would take for markup becomes `&lt;`, which every Markdown shows as `<`. In code (a fence, an
    indented block, a span, as CommonMark reads them in the whole text) it stays as typed: there viewers escape it by
    themselves. Should CommonMark, with tables or without, still find HTML afterwards, code is escaped as well.
    """
    found = list(_MARKUP.finditer(text))
    if not found:
        return text
    escaped = _escaped(text, _in_code(text, found))
    return _escaped(text, frozenset()) if _has_html(escaped) else escaped


def _escaped(text: str, kept: Collection[int]) -> str:
    places = count()

    def said(match: re.Match[str]) -> str:
        slashes = match[1]
        # One that was escaped by a slash already loses it: `\\&lt;` would show the entity.
        return match[0] if next(places) in kept else f"{slashes[: len(slashes) // 2 * 2]}&lt;"

    return _MARKUP.sub(said, text)


def _in_code(text: str, found: Sequence[re.Match[str]]) -> frozenset[int]:
    """Which of the places found stand in code: each is given a character of its own and looked for in what was read."""
    if len(found) > _MOST_PLACES or max(text) >= chr(_PLACE):
        return frozenset()
    places = count(_PLACE)
    marked = _MARKUP.sub(lambda match: f"{match[1]}{chr(next(places))}", text)
    tokens = (token for top in _parser.parse(marked) for token in (top, *(top.children or ())))
    code = "".join(token.content for token in tokens if token.type in _CODE)
    return frozenset(ord(char) - _PLACE for char in code if char >= chr(_PLACE))


def _has_html(text: str) -> bool:
    tokens = (token for reader in _READERS for top in reader.parse(text) for token in (top, *(top.children or ())))
    return any(token.type in ("html_block", "html_inline") for token in tokens)
