"""Texts that try to become markup, and what a page is asked to find out whether one did."""

import re
from itertools import count
from typing import Final

from markdown_it import MarkdownIt

# Out of a text, an attribute with either quote, a text area, a title, a script: for fields that hold one line.
SHORT = "'\"></textarea></title></script><img src=x onerror=xss()>"
CORPUS = (
    "<script>xss()</script>",
    "<img src=x onerror=xss()>",
    "<svg onload=xss()>",
    "<svg><script>xss()</script></svg>",
    "<svg><animate onbegin=xss() attributeName=x dur=1s>",
    "<math><mtext></p><script>xss()</script>",
    '<iframe srcdoc="<script>parent.xss()</script>"></iframe>',
    '<iframe src="javascript:parent.xss()"></iframe>',
    '<object data="data:text/html,<script>xss()</script>"></object>',
    '<embed src="data:text/html,<script>xss()</script>">',
    "<details open ontoggle=xss()>x</details>",
    "<video><source onerror=xss()></video>",
    "<body onload=xss()>",
    "<input autofocus onfocus=xss()>",
    "<marquee onstart=xss()>x</marquee>",
    "<style>*{background:url(javascript:xss())}</style>",
    '<link rel="stylesheet" href="data:text/css,*{}/*xss()*/">',
    '<meta http-equiv="refresh" content="0;url=javascript:xss()">',
    '<base href="javascript:xss()//">',
    '<form action="javascript:xss()"><button formaction="javascript:xss()">x</button></form>',
    '<a href="javascript:xss()">x</a>',
    '<a href=" &#106;avascript:xss()">x</a>',
    '<div hx-get="/x" hx-trigger="load" hx-on::load="xss()">x</div>',
    '<div data-hx-get="/x" data-hx-on:htmx:load="xss()">x</div>',
    '<p style="position:fixed;inset:0" onclick="xss()">x</p>',
    "[x](javascript:xss())",
    "[x](JaVaScRiPt&colon;xss())",
    "[xss()](data:text/html;base64,PHNjcmlwdD54c3MoKTwvc2NyaXB0Pg==)",
    "[x][y]\n\n[y]: javascript:xss()",
    '![x](x"onerror="xss())',
    "![x](javascript:xss())",
    "<javascript:xss()>",
    '<https://x.example/"onmouseover="xss()>',
    "[x](https://x.example/ \"'onmouseover=xss() x='\")",
    "`<img src=x onerror=xss()>`",
    "```\n</code></pre><img src=x onerror=xss()>\n```",
    '``` "onmouseover=xss()\nx\n```',
    "| <img src=x onerror=xss()> | a |\n|---|---|\n| </td><script>xss()</script> | b |",
    "<!--><img src=x onerror=xss()>-->",
    "<![CDATA[<img src=x onerror=xss()>]]>",
    '<noscript><p title="</noscript><img src=x onerror=xss()>"></noscript>',
    "<template><img src=x onerror=xss()></template>",
    "&lt;img src=x onerror=xss()&gt;",
    "\\u003cimg src=x onerror=xss()\\u003e",
    "{{constructor.constructor('xss()')()}} ${xss()} {% debug %}",
    "'-xss()-' \";xss();// </script><script>xss()</script>",
    "\u202e<img src=x onerror=xss()>",
    "<img/src/onerror=xss()>",
    "<x tabindex=1 onfocus=xss() autofocus>x</x>",
)
CASE: Final = re.compile(r"xss\((\d+)\)")
_fields = count(1)


def payloads() -> list[str]:
    """The corpus for one field: each payload calls with a number of its own, known again wherever it is shown."""
    first = next(_fields) * 100
    return [text.replace("xss()", f"xss({first + n})") for n, text in enumerate((SHORT, *CORPUS))]


def hostile(most: int | None = None) -> str:
    """All of it in one text, for a field that holds it."""
    return "\n\n".join(payloads())[:most]


def each() -> list[str]:
    """A payload a row, for a field of one line."""
    return [" ".join(text.split()) for text in payloads()]


def cases(page: str) -> set[str]:
    """Which payload of which field stands on a page."""
    return set(CASE.findall(page))


# As someone reads a file who lets raw HTML through.
VIEWERS: Final = (MarkdownIt("commonmark"), MarkdownIt("commonmark").enable(["table", "strikethrough"]))


def html_in(text: str) -> list[str]:
    """The raw HTML in a Markdown file that a viewer outside the portal would hand on."""
    found = []
    for viewer in VIEWERS:
        tokens = [token for top in viewer.parse(text) for token in (top, *(top.children or []))]
        found += [token.content for token in tokens if token.type.startswith("html_")]
    return found


HOOK = """
window.ran = []; window.refused = [];
window.xss = window.alert = window.confirm = window.prompt = () => { ran.push(location.pathname); };
addEventListener("securitypolicyviolation", (event) => refused.push(`${event.effectiveDirective} ${event.sourceFile || event.blockedURI}`));
"""  # noqa: E501 - one line of script
FOUND = r"""() => {
  const isDrawing = document.documentElement.localName === "svg"; // it carries its colours, which its policy allows
  const addresses = /^(href|src|action|formaction|data|xlink:href)$/;
  const made = [...document.querySelectorAll("*")].flatMap((element) => {
    const name = element.localName, attributes = [...element.attributes];
    const bad = attributes.filter((one) => /^on|^(data-)?hx-on|^srcdoc$|^style$/.test(one.name)
      || (/^(data-)?hx-(get|post)$/.test(one.name) && one.value === "/x")
      || (addresses.test(one.name) && /^\s*(javascript|data:text)/i.test(one.value)));
    const foreign = ["iframe", "object", "embed", "base", "math", "marquee", "video", "x"].includes(name)
      || (name === "style" && !isDrawing)
      || (name === "script" && !element.getAttribute("src")?.startsWith("/static/"))
      || (name === "img" && element.getAttribute("src") === "x")
      || (name === "link" && element.href.startsWith("data:text"));
    return foreign || bad.length ? [element.cloneNode(false).outerHTML] : [];
  });
  return { made, ran: window.ran, refused: window.refused };
}"""
