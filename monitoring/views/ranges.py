"""What the bar above a page of charts needs."""

from datetime import datetime
from typing import Any

from django.utils.timezone import localtime

from monitoring.ranges import COMPARED, SPANS, Range


def range_context(span: Range, at: datetime) -> dict[str, Any]:
    """The choices of range and comparison as links, and the present range as the form's values."""
    beside = [{"label": "Alone", "href": f"?{span.compared('')}", "current": not span.compare}]
    beside += [
        {"label": f"with {name}", "href": f"?{span.compared(key)}", "current": key == span.compare}
        for key, (_, name) in COMPARED.items()
    ]
    return {
        "span": span,
        "at": at,
        "spans": [{"label": key, "href": f"?{span.named(key)}", "current": key == span.key} for key in SPANS],
        "beside": beside,
        "from_text": f"{localtime(span.start):%Y-%m-%dT%H:%M}",
        "to_text": f"{localtime(span.end):%Y-%m-%dT%H:%M}",
    }
