"""Text of people: cleaned on the way in, rendered safely on the way out."""

import re
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
