"""What may not leave: addresses, accounts, hosts, keys, by their shape. Pure: no I/O, no Django."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opsportal.core.logs import SECRET_WORDS


def _is_ipv6(text: str) -> bool:
    """A clock's 14:32:07 has colons too."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what is left out, and how it is known."""

    name: str
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool] = lambda _found: True

    def cut(self, text: str, said: str) -> tuple[str, int]:
        """The text with `said` in place of each, and how many there were."""
        count = 0

        def replaced(found: re.Match[str]) -> str:
            nonlocal count
            if not self.is_one(found[0]):
                return found[0]
            count += 1
            return said

        return self.pattern.sub(replaced, text), count


# Each begins where a word does and nowhere within one: tried anew at each letter, a long word would cost its square.
# In this order: a key or an ARN holds what later patterns would cut to pieces.
KINDS: Final = (
    Kind(
        "key",
        re.compile(
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bops_\d+_[\w-]{20,}|\bwhsec_[\w-]{20,}|\bgh[a-z]_\w{20,}|\bgithub_pat_\w{20,}"
            r"|\bglpat-[\w-]{20,}|\bxox[a-z]-[\w-]{10,}|\b[sr]k_live_\w{10,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
        ),
    ),
    Kind("resource", re.compile(r"\barn:aws[\w-]*:[^\s,;)\]]+")),
    Kind("e-mail address", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    Kind("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    Kind(
        "host",
        re.compile(r"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|corp|amazonaws\.com)\b", re.IGNORECASE),
    ),
    Kind("account", re.compile(r"\b\d{12}\b")),
    Kind("address", re.compile(r"(?<![\w:.])[0-9a-f:]{2,39}(?![\w:])", re.IGNORECASE), _is_ipv6),
)
# What a program logs with its name: `password=…`, `"access_token": "…"`, `Authorization: Bearer …`, postgres://user:….
_WORDS: Final = "|".join((*SECRET_WORDS, "passwd", "passphrase", "pwd", "credential", "(?:api|access|private)[_-]?key"))
_NAMED: Final = re.compile(
    rf"""((?:{_WORDS})[\w-]{{0,80}}["']?\s*[=:]\s*)(?:(?:Bearer|Basic)\s+)?("[^"]*"|'[^']*'|[^\s,;&"']+)""",
    re.IGNORECASE,
)
_IN_URL: Final = re.compile(
    r"(://[^\s:/@]{0,200}:)[^\s@]{1,1000}@"
)  # bounded: a line of ://a:://a:… would cost its square
_ACROSS: Final = 8_000  # characters behind a cut that are looked at: no secret but a certificate is longer


# The same as a kind, name and all: what is public says not even that there is such a setting.
NAMED: Final = (Kind("secret", _NAMED), Kind("secret", _IN_URL))


def mask_line(text: str) -> str:
    """A line of a foreign log without secrets that are named as such, and without the known kinds."""
    text = _IN_URL.sub(r"\1***@", _NAMED.sub(r"\1***", text))
    for kind in KINDS:
        text, _count = kind.cut(text, f"[{kind.name}]")
    return text


def mask_start(text: str, most: int) -> str:
    """The first `most` characters of the masked line; a secret that lies across the cut is masked as well."""
    return mask_line(text[: most + _ACROSS])[:most]
