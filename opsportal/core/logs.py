"""Logs as one JSON object a line, with the request's id, and with secrets blanked."""

import logging
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import structlog

SECRET_WORDS: Final = ("password", "secret", "token", "authorization", "cookie", "otp", "recovery_code")


def _blank_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if name != "event" and any(word in name.lower() for word in SECRET_WORDS):
            event[name] = "***"
    return event


def _dump(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


_SHARED: Final[list[structlog.types.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
    _blank_secrets,
]


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """The formatter of the console handler; plain `logging` records come out in the same shape."""

    def __init__(self) -> None:
        super().__init__(
            processor=structlog.processors.JSONRenderer(serializer=_dump),
            foreign_pre_chain=_SHARED,
            logger=logging.getLogger("opsportal"),
        )


def configure() -> None:
    """Point structlog at the standard library's handlers; called once at start."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
