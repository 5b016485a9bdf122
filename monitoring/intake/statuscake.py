"""StatusCake's webhook: a form (or the same as JSON) that says of a test that it is up or down."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from monitoring.intake.alerts import AlertIn, ParseError, alert_in, firing_of, object_of

_MOST_FIELDS = 60


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    fields = object_of(body) if body.lstrip()[:1] == b"{" else _form(body)
    name = fields.get("Name") or fields.get("URL")
    if not name:
        raise ParseError("No `Name` and no `URL`: this is no message of StatusCake.")
    is_firing = firing_of(fields.get("Status"))
    address = fields.get("URL", "")
    return [
        alert_in(
            title=f"{name} is down" if is_firing else f"{name} is up",
            is_firing=is_firing,
            subject=("test", fields.get("TestID") or name, address),
            text=f"Status code {fields['StatusCode']}." if fields.get("StatusCode") else "",
            signal="availability",
            url=address,
            labels={"tags": fields.get("Tags", ""), "method": fields.get("Method", ""), "ip": fields.get("IP", "")},
        )
    ]


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise ParseError("This is no form that StatusCake sends.") from error
