"""The marks that stand in every row, as functions: a list of a hundred rows calls them five hundred times, and a
Jinja2 macro costs five times as much. Reached in templates as `ui.time`, `ui.state`, `ui.sev`, like any component.
"""

from datetime import datetime
from functools import cache
from typing import Final

from markupsafe import Markup, escape

from opsportal.core import clock, formats
from opsportal.core.icons import STATE_ICONS, icon

STATE_WORDS: Final = {
    "ok": "ok",
    "warn": "warning",
    "fail": "failed",
    "unknown": "could not check",
    "stale": "stale",
    "run": "running",
    "off": "not due",
}
RANK_WORDS: Final = {1: "critical", 2: "high", 3: "medium", 4: "low", 5: "info"}


def state_icon(kind: str, cls: str = "") -> Markup:
    """The sign of a state; what runs, turns."""
    return icon(STATE_ICONS[kind], f"spin {cls}" if kind == "run" else cls)


def state(kind: str, text: object = "", glyph: str = "") -> Markup:
    """State as sign and word. kind: ok warn fail unknown stale run off; `glyph` stands for the kind's own sign."""
    own = " own" if glyph else ""
    sign = icon(glyph) if glyph else ""
    return Markup(f'<span class="st {escape(kind)}{own}">{sign}{escape(text or STATE_WORDS[kind])}</span>')  # noqa: S704


@cache
def sev(rank: int, label: str) -> Markup:
    """Severity: bars by rank 1 (worst) to 5, the platform's own label as word."""
    word = RANK_WORDS[rank]
    voice = "" if label.lower() == word else f" <i>({word})</i>"
    return Markup(f'<span class="sev" data-r="{rank}">{escape(label)}{voice}</span>')  # noqa: S704


def time(at: datetime | None, mode: str = "ago", cls: str = "") -> Markup:
    """A time. mode: "ago" (kept fresh by the browser), "when", "hour", "day", "stamp".

    The exact time is the title where it is not the text.
    """
    if at is None:
        return Markup('<span class="mut">–</span>')
    exact = formats.stamp(at)
    if mode in ("ago", "when"):
        text = (formats.ago if mode == "ago" else formats.when)(at, clock.now())
    else:
        text = exact if mode == "stamp" else {"hour": formats.hour, "day": formats.day}[mode](at)
    attributes = "" if mode == "stamp" else f' title="{exact}"'
    attributes += f' class="{escape(cls)}"' if cls else ""
    attributes += " data-ago" if mode == "ago" else ""
    return Markup(f'<time datetime="{formats.iso(at)}"{attributes}>{text}</time>')  # noqa: S704 - our own figures
