"""Icons from the lucide package.

The names in `SPRITE` live once in `static/icons.svg` and are used by reference; any other name is drawn in place.
The signs of states and severities, which stand several times in every row, are masks in `static/css/marks.css` and
cost no markup at all. `python -m opsportal.core.icons` rewrites both files; a test compares them with the package.
"""

from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.templatetags.static import static
from lucide import _render_icon
from markupsafe import Markup, escape

SPRITE: Final = (
    "activity", "archive", "arrow-down", "arrow-right", "arrow-up", "bell", "bell-off", "book-open", "calendar",
    "check", "chevron-down", "chevron-left", "chevron-right", "circle", "circle-alert", "circle-check",
    "circle-dashed", "circle-question-mark", "circle-x", "clock", "contrast", "copy", "database", "download",
    "ellipsis", "external-link", "eye", "eye-off", "file-chart-column", "file-text", "flag", "flame",
    "flask-conical", "git-fork", "heart-pulse", "history", "info", "key-round", "layers", "life-buoy", "link",
    "list-checks", "loader-circle", "lock", "log-out", "mail", "megaphone", "message-square", "minus",
    "notebook-pen", "package", "pencil", "phone", "pin", "play", "plus", "printer", "radio", "refresh-cw",
    "rocket", "rotate-ccw", "scale", "scroll-text", "search", "send", "server", "settings", "shield-check",
    "siren", "sun", "target", "timer", "trash-2", "triangle-alert", "user", "users", "wrench", "x",
)  # fmt: skip


STATE_ICONS: Final = {
    "ok": "circle-check",
    "warn": "triangle-alert",
    "fail": "circle-x",
    "unknown": "circle-question-mark",
    "stale": "history",
    "run": "loader-circle",
    "off": "circle-dashed",
}
# Signs of a state that is another's in all but its sign: where an incident stands, what is to be written, what comes.
STATE_SIGNS: Final = {"stage": "circle-dashed", "write": "file-text", "soon": "clock"}
OFF: Final = ' opacity=".28"'


def _drawing(name: str) -> str:
    svg = str(_render_icon(name, None))
    return svg[svg.index(">") + 1 : svg.rindex("</svg>")].strip().replace("\n", "")


def sprite() -> str:
    """The whole sprite file."""
    symbols = "\n".join(
        f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(_drawing(name).split())}</symbol>' for name in SPRITE
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


_URL_SAFE: Final = ' =/:;,.-()"'
_STROKE: Final = 'fill="none" stroke="#000" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'


def _mask(selector: str, box: int, attributes: str, drawing: str) -> str:
    drawn = " ".join(drawing.split())
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box} {box}" {attributes}>{drawn}</svg>'
    return f"  {selector} {{ --mark: url('data:image/svg+xml,{quote(svg, safe=_URL_SAFE)}'); }}"


def marks_css() -> str:
    """The style sheet of the signs that states and severities carry by their class alone."""
    states = [_mask(f".st.{kind}", 24, _STROKE, _drawing(name)) for kind, name in (STATE_ICONS | STATE_SIGNS).items()]
    ranks = [_mask(f'.sev[data-r="{rank}"]', 12, "", _bars(rank)) for rank in range(1, 6)]
    head = "/* Made by `python -m opsportal.core.icons`. */\n@layer components {\n"
    return head + "\n".join([*states, *ranks]) + "\n}\n"


def _bars(rank: int) -> str:
    if rank == 1:
        return (
            '<path d="M4 .5h4L11.5 4v4L8 11.5H4L.5 8V4z" opacity=".35"/>'
            '<path d="M5.2 2.6h1.6v4.4h-1.6zM5.2 8h1.6v1.7h-1.6z"/>'
        )
    shapes = ((1, 9, 3), (5, 6, 6), (9, 3, 9))
    return "".join(
        f'<rect x="{x}" y="{y}" width="3" height="{height}" rx=".8"{"" if lit else OFF}/>'
        for (x, y, height), lit in zip(shapes, (rank <= 4, rank <= 3, rank <= 2), strict=True)
    )


@cache
def _body(name: str) -> str:
    if name in SPRITE:
        return f'<use href="{static("icons.svg")}#{name}"/>'
    return _drawing(name)


@cache
def icon(name: str, cls: str = "", label: str = "") -> Markup:
    """The icon as `<svg>`; decorative unless it has a `label`. Raises IconDoesNotExist for an unknown name."""
    view = "" if name in SPRITE else ' viewBox="0 0 24 24"'
    voice = f' role="img" aria-label="{escape(label)}"' if label else ' aria-hidden="true"'
    classes = f"i {cls}".strip()
    return Markup(f'<svg class="{escape(classes)}"{view}{voice}>{_body(name)}</svg>')  # noqa: S704 - parts escaped


if __name__ == "__main__":
    static_files = Path(__file__).parents[2] / "static"
    (static_files / "icons.svg").write_text(sprite(), encoding="utf-8")
    (static_files / "css" / "marks.css").write_text(marks_css(), encoding="utf-8")
