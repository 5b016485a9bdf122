"""What a check is called on a page that people read."""

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = {
    "alarms.overnight": "Alarms overnight",
    "alarms.pending": "Nothing fires",
    "backup.fresh": "Backups are fresh",
    "cert.days_left": "Certificates last",
    "db.connections": "Database connections",
    "incidents.day": "Incidents of the day",
    "job.run": "Job",
    "metric.within": "Metric within limits",
    "monitoring.fresh": "Monitoring sees",
    "service.healthy": "Services are healthy",
}
# Which parameter tells one use of a check from another.
_TELLING: Final = ("metric", "job", "database", "service")


def check_words(name: str, params: Mapping[str, Any]) -> str:
    """The check in words, with the parameter that tells it from its like."""
    words = _WORDS.get(name) or name.replace(".", " ").replace("_", " ").capitalize()
    which = next((str(params[key]) for key in _TELLING if params.get(key)), "")
    return f"{words}: {which}" if which else words
