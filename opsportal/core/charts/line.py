"""The line chart with bands, thresholds, annotations and gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils.timezone import get_current_timezone
from markupsafe import Markup, escape

from opsportal.core import formats
from opsportal.core.charts.model import Annotation, Band, Series, Threshold
from opsportal.core.charts.scale import decimate, runs, straighten, time_ticks, value_ticks
from opsportal.core.charts.svg import fixed, join, pct, tag, text

_TOP, _BOTTOM, _AXIS = 18, 20, 44
_SLACK = 0.12  # pixels: less than a tenth of the curve's own width
_REACH = 0.016  # of the width: the crosshair's value is never further away than half of it
_SPAN = {"nodata": "gap", "maintenance": "mw", "warning": "bw", "alarm": "bc"}
_WIDE = 10_000  # the curve's own units across, ten to a pixel of its height: whole numbers are short
_CURVE = {"line": "ln", "second": "l2", "ideal": "ideal", "forecast": "fc"}


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot's axes: time to a share of the width, value to pixels of the height."""

    start: datetime
    end: datetime
    low: float
    high: float
    height: int

    def x(self, at: datetime) -> float:
        return (at - self.start) / (self.end - self.start)

    def y(self, value: float) -> float:
        plot = self.height - _TOP - _BOTTOM
        return _TOP + plot * (1 - (value - self.low) / (self.high - self.low))

    def clamp(self, value: float) -> float:
        return max(self.low, min(self.high, value))

    @property
    def floor(self) -> int:
        return self.height - _BOTTOM


def line_chart(  # noqa: PLR0913 - every one is a layer of the drawing, all named
    series: Sequence[Series],
    *,
    title: str,
    unit: str = "",
    width: int = 640,
    height: int = 160,
    start: datetime | None = None,
    end: datetime | None = None,
    bounds: tuple[float | None, float | None] = (0, None),
    thresholds: Sequence[Threshold] = (),
    annotations: Sequence[Annotation] = (),
    bands: Sequence[Band] = (),
    area: bool = True,
    zone: tzinfo | None = None,
) -> Markup:
    """Curves over time, as wide as their box and `height` pixels high.

    `width` (pixels) is the expected width: it bounds the points drawn and the number of ticks. `bounds` fixes the
    value axis' ends (None: from the data). Times are shown in `zone` (the reader's). Without a point it says so.
    """
    frame, ticks = _frame(series, thresholds, (start, end), bounds, height)
    zone = zone or get_current_timezone()
    plot: list[str] = []
    plot += _bands(frame, thresholds, bands)
    plot += [tag("line", cls="gr", x1=0, x2="100%", y1=fixed(frame.y(v)), y2=fixed(frame.y(v))) for v in ticks]
    plot += _threshold_lines(frame, thresholds)
    plot += _time_axis(frame, zone, max(2, width // 100))
    plot.append(_curves(frame, series, width, area=area))
    plot += _annotations(frame, annotations)
    if not any(value is not None for one in series for _, value in one.points):
        plot.append(text("no data", cls="lk", x="50%", y=fixed((frame.floor + _TOP) / 2), text_anchor="middle"))
    drawn = tag(
        "svg",
        join((tag("title", str(escape(title))), *plot)),
        cls="area",
        width="100%",
        height=height,
        role="img",
        aria_label=title,
        data_t0=int(frame.start.timestamp()),
        data_t1=int(frame.end.timestamp()),
        data_top=_TOP,
        data_floor=frame.floor,
        data_unit=formats.number(1, unit)[1:].strip(),
    )
    return tag("div", _value_axis(frame, ticks, unit) + drawn, cls="chart", data_chart="")


def _value_axis(frame: Frame, ticks: Sequence[float], unit: str) -> Markup:
    # The axis has 44 pixels: longer units stand in the title and beside the figure.
    shown = unit if unit in ("Percent", "Bytes", "%") else ""
    labels = join(
        text(formats.number(v, shown), x=_AXIS - 6, y=fixed(frame.y(v) + 4), text_anchor="end") for v in ticks
    )
    return tag("svg", labels, cls="yax", width=_AXIS, height=frame.height, aria_hidden="true")


def _frame(
    series: Sequence[Series],
    thresholds: Sequence[Threshold],
    span: tuple[datetime | None, datetime | None],
    bounds: tuple[float | None, float | None],
    height: int,
) -> tuple[Frame, list[float]]:
    times = [at for one in series for at, _ in one.points]
    values = [value for one in series for _, value in one.points if value is not None]
    begin = span[0] or (min(times) if times else datetime(2000, 1, 1, tzinfo=UTC))
    finish = span[1] or (max(times) if times else begin)
    if finish <= begin:
        finish = begin + timedelta(hours=1)
    low = bounds[0] if bounds[0] is not None else min(values, default=0.0)
    high = bounds[1] if bounds[1] is not None else max(values, default=1.0)
    low = min(low, *values) if values and bounds[0] == 0 else low
    if bounds[1] is None:
        # A threshold far above calm values would flatten them: it is shown when it is within reach.
        high = max([high, *(t.value * 1.05 for t in thresholds if t.value <= 3 * max(high, 1e-9))])
    ticks = value_ticks(low, high)
    return Frame(begin, finish, ticks[0], ticks[-1], height), ticks


def _bands(frame: Frame, thresholds: Sequence[Threshold], bands: Sequence[Band]) -> list[str]:
    parts: list[str] = []
    within = sorted((t for t in thresholds if frame.low <= t.value <= frame.high), key=lambda t: t.value)
    upper, lower = [t for t in within if t.above], [t for t in within if not t.above]
    sides = [
        (limit, limit.value, upper[n + 1].value if n + 1 < len(upper) else frame.high) for n, limit in enumerate(upper)
    ]
    sides += [(limit, lower[n - 1].value if n else frame.low, limit.value) for n, limit in enumerate(lower)]
    for limit, bottom_value, top_value in sides:
        top, bottom = frame.y(top_value), frame.y(bottom_value)
        cls = "bw" if limit.kind == "warn" else "bc"
        box = {"y": fixed(top), "height": fixed(max(bottom - top, 0))}
        parts.append(tag("rect", cls=cls, x=0, width="100%", **box))
        # The tint alone must not carry the message: a solid strip stands at the right edge.
        parts.append(tag("rect", cls=f"{cls} k", x="100%", width=3, **box))
    for band in bands:
        left, right = max(frame.x(band.start), 0), min(frame.x(band.end), 1)
        if right <= left:
            continue
        cls = _SPAN[band.kind]
        inner = tag("title", str(escape(band.label))) if band.label else ""
        parts.append(
            tag("rect", inner, cls=cls, x=pct(left), width=pct(right - left), y=_TOP, height=frame.floor - _TOP)
        )
        if band.label and right - left > 0.02:
            parts.append(text(band.label, x=pct((left + right) / 2), y=12, text_anchor="middle"))
    return parts


def _threshold_lines(frame: Frame, thresholds: Sequence[Threshold]) -> list[str]:
    parts: list[str] = []
    for limit in thresholds:
        if not frame.low <= limit.value <= frame.high:
            continue
        y = frame.y(limit.value)
        short = "w" if limit.kind == "warn" else "c"
        parts.append(tag("line", cls=f"t{short}", x1=0, x2="100%", y1=fixed(y), y2=fixed(y)))
        if limit.label:
            parts.append(text(limit.label, cls=f"l{short}", x="99.5%", y=fixed(y - 3), text_anchor="end"))
    return parts


def _time_axis(frame: Frame, zone: tzinfo, count: int) -> list[str]:
    parts: list[str] = []
    for at, label in time_ticks(frame.start, frame.end, zone, count):
        x = frame.x(at)
        anchor = "start" if x < 0.03 else "end" if x > 0.97 else "middle"
        parts.append(tag("line", cls="ax", x1=pct(x), x2=pct(x), y1=frame.floor, y2=frame.floor + 4))
        parts.append(text(label, x=pct(x), y=frame.height - 3, text_anchor=anchor))
    return parts


def _curves(frame: Frame, series: Sequence[Series], width: int, *, area: bool) -> Markup:
    parts: list[str] = []
    for one in series:
        pieces, values, fill = [], [], []
        length = frame.end - frame.start
        # The curve beside it is a hint: a third of the detail.
        columns = width // (6 if one.kind == "second" else 2)
        for run in runs([((at - frame.start) / length, value) for at, value in one.points]):
            shown = [point for point in decimate(run, columns) if -0.001 <= point[0] <= 1.001]
            if not shown:
                continue
            shown = straighten(shown, _SLACK * (frame.high - frame.low) / (frame.floor - _TOP), _REACH)
            at = [f"{x * _WIDE:.0f} {frame.y(frame.clamp(v)) * 10:.0f}" for x, v in shown]
            curve = "L".join(at)
            # A lone point between two gaps still has to be seen.
            pieces.append("M" + curve + ("h10" if len(at) == 1 else ""))
            values += [_figure(v) for _, v in shown]
            fill.append(f"M{at[0].split()[0]} {frame.floor}0L{curve}V{frame.floor}0H{at[0].split()[0]}Z")
        if area and one.kind == "line" and fill:
            parts.append(tag("path", cls="ar", d=_numbers("".join(fill))))
        if pieces:
            stretch = {
                "vector_effect": "non-scaling-stroke",
                "data_name": one.name,
                "data_v": _numbers(" ".join(values)),
            }
            parts.append(tag("path", cls=_CURVE[one.kind], d=_numbers("".join(pieces)), **stretch))
    box = {"viewBox": f"0 0 {_WIDE} {frame.height}0", "width": "100%", "height": frame.height}
    return tag("svg", join(parts), preserveAspectRatio="none", **box) if parts else Markup("")


def _figure(value: float) -> str:
    """As exact as the crosshair shows it."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _numbers(text: str) -> Markup:
    """Digits and letters of our own that need no look at each."""
    return Markup(text)  # noqa: S704 - numbers formatted above


def _annotations(frame: Frame, annotations: Sequence[Annotation]) -> list[str]:
    parts: list[str] = []
    last_label = -1.0
    for note in sorted(annotations, key=lambda n: n.at):
        x = frame.x(note.at)
        if not 0 <= x <= 1:
            continue
        hint = tag("title", str(escape(note.label)))
        if note.kind == "deploy":
            # A triangle on the axis; its own small viewport keeps its shape.
            mark = tag("path", hint, cls="evt", d="M0 0L5 8H-5Z")
            parts.append(tag("svg", mark, x=pct(x), y=frame.floor, overflow="visible"))
            continue
        cls = {"incident": "tc", "now": "x", "event": "ev"}[note.kind]
        parts.append(tag("line", hint, cls=cls, x1=pct(x), x2=pct(x), y1=_TOP - 4, y2=frame.floor))
        if x - last_label > 0.16:
            anchor = "start" if x < 0.06 else "end" if x > 0.9 else "middle"
            words = {"incident": "lc", "now": "lk", "event": "evt"}[note.kind]
            parts.append(text(note.label, cls=words, x=pct(x), y=11, text_anchor=anchor))
            last_label = x
    return parts
