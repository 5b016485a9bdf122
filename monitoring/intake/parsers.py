"""The parser of each kind of source."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from monitoring.intake import alertmanager, eventbridge, grafana, mail, mapping, pingdom, sns, statuscake
from monitoring.intake.alerts import AlertIn

Parser = Callable[[bytes, Mapping[str, str]], list[AlertIn]]
_PARSERS: Final[dict[str, Parser]] = {
    "alertmanager": alertmanager.parse,
    "eventbridge": eventbridge.parse,
    "grafana": grafana.parse,
    "mail": mail.parse,
    "pingdom": pingdom.parse,
    "sns": sns.parse,
    "statuscake": statuscake.parse,
}


def parse(kind: str, body: bytes, headers: Mapping[str, str], *, fields: Mapping[str, Any]) -> list[AlertIn]:
    """The alerts of a message; `fields` is a generic source's mapping. Raises ParseError and nothing else."""
    if kind == "generic":
        return mapping.parse(body, fields)
    return _PARSERS[kind](body, headers)
