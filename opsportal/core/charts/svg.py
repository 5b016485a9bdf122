"""Writing SVG: escaped attributes, short numbers."""

from collections.abc import Iterable

from markupsafe import Markup, escape


def fixed(value: float, digits: int = 1) -> str:
    """A coordinate without a useless tail."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def pct(share: float) -> str:
    """A share of one as an SVG percentage."""
    return f"{fixed(share * 100, 2)}%"


def tag(name: str, content: str = "", /, **attributes: object) -> Markup:
    """One element. `cls` is class, underscores become hyphens; None leaves an attribute out; `content` is trusted."""
    written = "".join(f' {_attribute(key)}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    body = f">{content}</{name}>" if content else "/>"
    return Markup(f"<{name}{written}{body}")  # noqa: S704 - values escaped, content made here


def _attribute(key: str) -> str:
    if key == "cls":
        return "class"
    return key if key in ("viewBox", "preserveAspectRatio") else key.replace("_", "-")


def text(words: str, /, **attributes: object) -> Markup:
    """A text element; the words are escaped."""
    return tag("text", str(escape(words)), **attributes)


def join(parts: Iterable[str]) -> Markup:
    """Elements one after another."""
    return Markup("").join(Markup(part) for part in parts)  # noqa: S704 - parts come from tag()
