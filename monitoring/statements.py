"""SQL as it may be kept: names without values."""

import re
from typing import Final

# What a statement is made of. Kept are names; what is not closed, or not to be read for sure, is a value to the end.
_PARTS: Final = re.compile(
    r"""(?P<value>[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z))
      |(?P<name>[^\W\d][\w$]*|"(?:[^"]|"")*")
      |(?P<comment>--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)
      |\$\d+
      |\$(?P<tag>[^\W\d]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
      |'(?:[^'\\]|'')*'(?!')
      |(?:'|"|/\*).*
      |\d[\w.]*""",
    re.DOTALL | re.VERBOSE,
)


def bare(statement: str, length: int = 120) -> str:
    """A statement without its values: they may be a person's, and what keeps it is kept for long."""
    return " ".join(_PARTS.sub(_blank, statement).split())[:length]


def _blank(part: re.Match[str]) -> str:
    return part[0] if part["name"] else " " if part["comment"] else "?"
