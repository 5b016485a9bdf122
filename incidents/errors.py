"""What this room refuses; each text is a sentence for the person who asked. Pure."""

from datetime import datetime

from opsportal.core.refusals import ConflictingError, RefusedError


class IncidentError(RefusedError):
    """The act makes no sense now; nothing was changed."""


class CommandTakenError(IncidentError, ConflictingError):
    """Someone else took command first."""

    def __init__(self, name: str, since: datetime) -> None:
        super().__init__(f"{name} took command first.")
        self.name = name
        self.since = since


class AlarmTakenError(IncidentError):
    """Someone else looks after the alarm already; `since` is in the platform's zone."""

    def __init__(self, name: str, since: datetime) -> None:
        super().__init__(f"{name} looks after it since {since:%d %b %H:%M %Z}. Nothing was changed.")


class UnknownNameError(IncidentError):
    """What was named is not here, or not for this person; `field` says which of the names it was."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class NoSeverityError(UnknownNameError):
    """The platform has no severity scheme, so nothing can be rated."""

    def __init__(self) -> None:
        text = "This platform has no severities yet: an admin adds them under Settings, or applies its pack."
        super().__init__("severity", text)
