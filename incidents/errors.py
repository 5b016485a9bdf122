"""What a service of this room refuses; each text is a sentence for the person who asked."""

from datetime import datetime


class IncidentError(ValueError):
    """The act makes no sense now; nothing was changed."""


class CommandTakenError(IncidentError):
    """Someone else took command first."""

    def __init__(self, name: str, since: datetime) -> None:
        super().__init__(f"{name} took command first.")
        self.name = name
        self.since = since
