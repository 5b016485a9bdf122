"""What a page says, for tests that read it as a person does."""

import re
from html import unescape
from typing import Any


def text_of(answer: Any) -> str:
    """The words of an answer without its markup, each gap one space."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
