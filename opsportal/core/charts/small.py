"""Small drawings: spark line, stacked bar, strip of days, calendar heat map."""

from collections.abc import Sequence
from datetime import date, timedelta

from markupsafe import Markup, escape

from opsportal.core.charts.scale import straighten
from opsportal.core.charts.svg import fixed, join, pct, tag, text


def spark(values: Sequence[float | None], *, kind: str = "", label: str = "", threshold: float | None = None) -> Markup:
    """A word-sized curve, at most 36 points; `kind` colours it (`warn`, `fail`). None values are gaps."""
    step = max(1, -(-len(values) // 36))
    chunks = [[v for v in values[i : i + step] if v is not None] for i in range(0, len(values), step)]
    shown = [max(chunk) if chunk else None for chunk in chunks]
    known = [v for v in shown if v is not None]
    if not known:
        return tag("svg", cls="spark", viewBox="0 0 72 18", aria_hidden="true")
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    strokes: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(shown):
        if value is None:
            strokes.append([])
        else:
            strokes[-1].append((2 + 66 * index / max(len(shown) - 1, 1), 16 - 14 * (value - low) / span))
    drawn = [straighten(stroke, 0.4, 66) for stroke in strokes if stroke]
    path = ["M" + "L".join(f"{fixed(x)} {fixed(y)}" for x, y in stroke) for stroke in drawn]
    last = drawn[-1][-1]
    parts = [tag("path", cls="ln", d="".join(path)), tag("circle", cls="pt", cx=fixed(last[0]), cy=fixed(last[1]), r=2)]
    if threshold is not None and low <= threshold <= high:
        y = fixed(16 - 14 * (threshold - low) / span)
        parts.insert(0, tag("line", cls="th", x1=2, x2=68, y1=y, y2=y))
    voice: dict[str, object] = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return tag("svg", join(parts), cls=f"spark {kind}".strip(), viewBox="0 0 72 18", **voice)


def bar(parts: Sequence[tuple[float, str]], *, label: str) -> Markup:
    """A bar of shares of one, each with its kind: `ok`, `warn`, `fail`, `u` (unknown, hatched), `raw`."""
    drawn: list[str] = [tag("rect", cls="b0", width="100%", height="100%")]
    left = 0.0
    for share, kind in parts:
        wide = max(0.0, min(share, 1 - left))
        if wide > 0:
            drawn.append(tag("rect", cls=kind, x=pct(left), width=pct(wide), height="100%"))
        left += wide
    return tag("svg", join(drawn), cls="bar", role="img", aria_label=label)


def day_strip(days: Sequence[tuple[date, str, str]], *, label: str, soft: bool = False) -> Markup:
    """One bar per day: (day, kind, words). kinds: "" (good), `w` warn, `f` fail, `m` maintenance, `u` unknown."""
    count = max(len(days), 1)
    drawn: list[str] = []
    for index, (day, kind, words) in enumerate(days):
        left, wide = index / count, 0.82 / count
        hint = tag("title", str(escape(f"{day:%d %b %Y}: {words}")))
        drawn.append(tag("rect", hint, cls=kind or None, x=pct(left), width=pct(wide), height="100%", rx=2))
        middle = pct(left + wide / 2)
        if kind == "f":
            cross = tag("path", cls="mk", d="M-3 -3L3 3M3 -3L-3 3")
            drawn.append(tag("svg", cross, x=middle, y="50%", overflow="visible"))
        elif kind == "w":
            drawn.append(tag("svg", tag("path", cls="mk", d="M0 -4V1M0 3V4.5"), x=middle, y="50%", overflow="visible"))
    return tag("svg", join(drawn), cls="days soft" if soft else "days", role="img", aria_label=label)


def heat_map(
    days: Sequence[tuple[date, float | None]],
    *,
    title: str,
    limits: tuple[float, float, float, float],
    digits: int = 1,
    today: date | None = None,
) -> Markup:
    """A calendar, a row a week from Monday: each day its figure, shaded in five levels cut at `limits`.

    None is a day without data (hatched, `?`); days after `today` are dashed and empty.
    """
    if not days:
        return Markup("")
    by_day = dict(days)
    first = min(by_day) - timedelta(days=min(by_day).weekday())
    weeks = (max(by_day) - first).days // 7 + 1
    wide = (1 - 0.09) / 7
    heads = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    drawn: list[str] = [tag("title", str(escape(title)))]
    drawn += [text(n, x=pct(0.09 + wide * (i + 0.5)), y=12, text_anchor="middle") for i, n in enumerate(heads)]
    for week in range(weeks):
        monday = first + timedelta(days=7 * week)
        top = 18 + week * 28
        drawn.append(text(f"W{monday.isocalendar().week}", x=0, y=top + 17))
        for weekday in range(7):
            day = monday + timedelta(days=weekday)
            if day in by_day or (today is not None and day > today):
                left = 0.09 + wide * weekday
                drawn += _day_cell(day, by_day.get(day), (left, wide, top), limits, digits, today)
    height = 18 + weeks * 28
    return tag("svg", join(drawn), cls="heat", width="100%", height=height, role="img", aria_label=title)


def _day_cell(
    day: date,
    value: float | None,
    place: tuple[float, float, int],
    limits: tuple[float, float, float, float],
    digits: int,
    today: date | None,
) -> list[str]:
    left, wide, top = place
    future = today is not None and day > today
    level = sum(value > limit for limit in limits) if value is not None else 0
    cls = "hf" if future else "hg" if value is None else f"h{level}"
    cls += " now" if day == today else ""
    words = "" if future else "?" if value is None else f"{value:.{digits}f}"
    hint = tag("title", str(escape(f"{day:%a %d %b %Y}: {words or 'not yet'}")))
    box = {"x": pct(left + 0.004), "width": pct(wide - 0.008), "y": top, "height": 24, "rx": 3}
    cell: list[str] = [tag("rect", hint, cls=cls, **box)]
    if words:
        # White on the darkest shade only.
        ink = "on" if level == 4 else None
        cell.append(text(words, cls=ink, x=pct(left + wide / 2), y=top + 16, text_anchor="middle"))
    return cell
