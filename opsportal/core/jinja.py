"""The Jinja2 environment of the portal's own pages.

Components are macros in `templates/components/`, reached everywhere as `ui.<macro>`: a block rendered alone sees
no import that stands outside it, so they are a global, loaded once.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import jinja2
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import json_script
from django.utils.timezone import get_current_timezone_name
from django_htmx.jinja import htmx_script
from jinja2 import pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup

from opsportal.core import clock, formats, marks
from opsportal.core.addresses import address
from opsportal.core.charts import bar, burn_down, day_strip, heat_map, line_chart, spark
from opsportal.core.icons import icon
from opsportal.core.markdown import render_markdown

COMPONENTS = "components/"
INDENT = re.compile(r"(?<=\n)[ \t]+")


class Unindented(Extension):
    """The source's indentation stays at home: up to a sixth of a long table's bytes. Lines keep their numbers."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - as Jinja2 calls it
        return INDENT.sub("", source) if name and name.endswith(".html") else source


class Components:
    """`ui`: every public macro of `templates/components/*.html` as an attribute."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment
        self._macros: dict[str, Callable[..., Markup]] | None = None

    def _load(self) -> dict[str, Callable[..., Markup]]:
        macros: dict[str, Callable[..., Markup]] = {}
        for name in self._environment.list_templates(filter_func=lambda path: path.startswith(COMPONENTS)):
            module = self._environment.get_template(name).module
            macros |= {key: value for key, value in vars(module).items() if callable(value) and key[0] != "_"}
        in_python: dict[str, Callable[..., Markup]] = {
            "icon": icon,
            "sev": marks.sev,
            "state": marks.state,
            "time": marks.time,
        }
        return macros | in_python | {"form": self._form(macros["form_body"])}

    def _form(self, body: Callable[..., Markup]) -> Callable[..., Markup]:
        # The one component that needs the request: it carries the CSRF field by itself.
        @pass_context
        def form(context: Context, *args: object, **kwargs: object) -> Markup:
            return body(*args, csrf_input=context.get("csrf_input", ""), **kwargs)

        return form

    def __getattr__(self, name: str) -> Callable[..., Markup]:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._macros is None:
            self._macros = self._load()
        try:
            return self._macros[name]
        except KeyError:
            raise AttributeError(f"no component ui.{name}") from None  # Jinja makes it an UndefinedError


def url(name: str, *args: object, **kwargs: object) -> str:
    """The address of a route; raises NoReverseMatch, so that a wrong name fails the page's test."""
    known = "" if args or kwargs else address(name)
    return known or reverse(name, args=args or None, kwargs=kwargs or None)


def _relative(text: Callable[[datetime | None, datetime], str]) -> Callable[[datetime | None], str]:
    # Rendering is the edge where the page's "now" is read; a view that needs one instant passes texts itself.
    return lambda value: text(value, clock.now())


@pass_context
def query(context: Context, **changes: object) -> str:
    """The present query string with some fields changed; None or "" removes one. Paging restarts."""
    params = context["request"].GET.copy()
    for gone in ("cursor", *changes):
        params.pop(gone, None)
    for key, value in changes.items():
        if value not in (None, ""):
            params[key] = str(value)
    text = params.urlencode()
    return f"?{text}" if text else "?"


def environment(**options: Any) -> jinja2.Environment:
    """Called once by Django's Jinja2 back end (`OPTIONS["environment"]`)."""
    options |= {"undefined": jinja2.StrictUndefined, "autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    options["extensions"] = [*options.get("extensions", ()), Unindented]
    env = jinja2.Environment(**options)  # noqa: S701 - autoescape is set above
    env.globals.update(
        ui=Components(env),
        url=url,
        url_if=address,
        query=query,
        static=static,
        icon=icon,
        htmx_script=htmx_script,
        json_script=json_script,
        clock_now=clock.now,
        clock_rate=clock.rate,
        state_icon=marks.state_icon,
        STATE_WORDS=marks.STATE_WORDS,
        zone_key=get_current_timezone_name,
        zone_name=lambda: formats.zone_name(clock.now()),
        line_chart=line_chart,
        spark=spark,
        bar=bar,
        burn_down=burn_down,
        heat_map=heat_map,
        day_strip=day_strip,
    )
    env.filters.update(
        duration=formats.duration,
        duration_within=formats.duration_within,
        duration_exact=formats.duration_exact,
        stopwatch=formats.stopwatch,
        number=formats.number,
        percent=formats.percent,
        stamp=formats.stamp,
        iso=formats.iso,
        day=formats.day,
        long_day=formats.long_day,
        hour=formats.hour,
        zone_name=formats.zone_name,
        plural=formats.plural,
        ago=_relative(formats.ago),
        when=_relative(formats.when),
        markdown=cast("Callable[[str], Markup]", render_markdown),
    )
    return env
