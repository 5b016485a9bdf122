"""What services refuse: each text is a sentence for the person who asked. Pure.

Pages show it beside what was typed; what no page takes up is a page of its own, and the API answers it as a problem.
"""


class RefusedError(ValueError):
    """It makes no sense, or not now; nothing was changed (422)."""


class ConflictingError(RefusedError):
    """It does not go with what stands already, or came later than somebody else's; nothing was changed (409)."""
