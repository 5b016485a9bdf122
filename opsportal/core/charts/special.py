"""The burn-down of an error budget, and a chart as a file of its own."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from markupsafe import Markup

from opsportal.core.charts.line import line_chart
from opsportal.core.charts.model import Annotation, Band, Point, Series

# Enough colour for an image, a mail or a PDF, which see no style sheet of ours.
_STYLE: Final = (
    ":root{--bg:#fff;--ink:#15181c;--ink3:#5b6471;--soft:#e9ecf0;--line:#dce0e6;--acc:#3149c4;--crit:#b0121c;"
    "--warn:#735000;--bw:#fdf8e6;--bc:#fdf1f1;--mw:#e9f1f7}@media(prefers-color-scheme:dark){:root{--bg:#15191e;"
    "--ink:#e7eaee;--ink3:#959fac;--soft:#21272e;--line:#2b323b;--acc:#93a5ff;--crit:#ff938d;--warn:#ecc255;"
    "--bw:#211d12;--bc:#251619;--mw:#16283a}}:root{background:var(--bg)}svg{font:12px system-ui,sans-serif;"
    "fill:var(--ink3)}.gr{stroke:var(--soft)}.ax{stroke:var(--line)}.ln,.fc{fill:none;stroke:var(--acc);"
    "stroke-width:1.5}.fc{stroke-dasharray:3 3}.l2,.ideal{fill:none;stroke:var(--ink3);stroke-dasharray:4 3}"
    ".ar{fill:var(--acc);opacity:.12}.bw{fill:var(--bw)}.bc{fill:var(--bc)}.bw.k{fill:var(--warn)}"
    ".bc.k{fill:var(--crit)}.tw{stroke:var(--warn);stroke-dasharray:4 3}.tc{stroke:var(--crit);stroke-dasharray:4 3}"
    ".lw{fill:var(--warn)}.lc{fill:var(--crit)}.lk{fill:var(--ink)}.ev,.x{stroke:var(--ink)}.mw{fill:var(--mw)}"
    ".gap{fill:var(--soft)}"
)

# Opened by itself the file is a document, whose policy must allow this one style sheet and no other.
STYLE_SOURCE: Final = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"

NO_DRAWING: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="24">'
    f'<style>{_STYLE}</style><text y="16">No data</text></svg>'
).encode()


def burn_down(  # noqa: PLR0913 - every one is a layer of the drawing, all named
    points: Sequence[Point],
    *,
    title: str,
    start: datetime,
    end: datetime,
    now: datetime,
    forecast: float | None = None,
    annotations: Sequence[Annotation] = (),
    bands: Sequence[Band] = (),
    zone: tzinfo | None = None,
) -> Markup:
    """Budget left in per cent over the period, the even-use line, and where it ends if it goes on (`forecast`, %)."""
    even: list[Point] = [(start, 100.0), (end, 0.0)]
    series = [Series("even use", even, "ideal"), Series("budget left", points, "line")]
    known = [(at, value) for at, value in points if value is not None]
    if forecast is not None and known and known[-1][0] < end:
        series.append(Series("forecast", [known[-1], (end, forecast)], "forecast"))
    floor = min([0.0, *(value for _, value in known), *([forecast] if forecast is not None else [])])
    marks = [*annotations, *([Annotation(now, "now", "now")] if start <= now <= end else [])]
    return line_chart(
        series,
        title=title,
        unit="Percent",
        height=190,
        start=start,
        end=end,
        bounds=(floor, 100),
        annotations=marks,
        bands=bands,
        zone=zone,
    )


def standalone(chart: Markup, *, width: int = 640) -> bytes:
    """A line chart as an SVG file for `<img>`, mail or print: its two drawings in one, with colours of its own."""
    axis, plot = re.findall(r'<svg class="(?:yax|area)".*?(?=<svg class="area"|</div>$)', chart, flags=re.DOTALL)
    size = re.search(r'height="(\d+)"', axis)
    assert size is not None
    inner = plot.replace('width="100%"', f'x="44" width="{width - 52}"', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{size[1]}" '
        f'viewBox="0 0 {width} {size[1]}"><style>{_STYLE}</style>{axis}{inner}</svg>'
    ).encode()
