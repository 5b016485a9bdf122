"""What the bar above a page of charts needs."""

from datetime import datetime
from typing import Any

from django.utils.timezone import localtime

from monitoring.ranges import COMPARED, SPANS, Range


def range_context(span: Range, at: datetime, *, stat: str = "") -> dict[str, Any]:
    """The choices of range and comparison as links, and the present range as the form's values; they keep `stat`."""
    also = f"&stat={stat}" if stat else ""
    beside = [{"label": "Alone", "href": f"?{span.compared('')}{also}", "current": not span.compare}]
    beside += [
        {"label": f"with {name}", "href": f"?{span.compared(key)}{also}", "current": key == span.compare}
        for key, (_, name) in COMPARED.items()
    ]
    return {
        "span": span,
        "at": at,
        "stat": stat,
        "also": also,
        "spans": [{"label": key, "href": f"?{span.named(key)}{also}", "current": key == span.key} for key in SPANS],
        "beside": beside,
        "from_text": f"{localtime(span.start):%Y-%m-%dT%H:%M}",
        "to_text": f"{localtime(span.end):%Y-%m-%dT%H:%M}",
    }
