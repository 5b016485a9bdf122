"""Gate on templates: each compiles, and each route, filter and component it names exists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jinja2
from django.template import engines
from django.urls import get_resolver
from jinja2 import nodes

from tests.architecture.django_gates import walk

ADDRESSES: Final = ("url", "url_if")


def templates(root: Path) -> list[str]:
    """Every template compiles, its literal url() calls resolve and its components exist."""
    backend: Any = engines["jinja2"]
    environment = backend.env
    names = _route_parts()
    components = set(environment.globals["ui"]._load())
    faults = []
    for path in sorted((root / "templates").rglob("*.*")):
        name = str(path.relative_to(root / "templates"))
        try:
            tree = environment.parse(path.read_text(encoding="utf-8"), name)
            environment.compile(tree, name)
        except jinja2.TemplateError as error:
            faults.append(f"{name}: {error}")
            continue
        faults += [f"{name}:{line}: {what}" for line, what in _faults(tree, names, components)]
    return faults


def _route_parts() -> dict[str, list[frozenset[str]]]:
    """For each route's name the sets of address parts it takes."""
    found: dict[str, list[frozenset[str]]] = {}
    resolver = get_resolver()
    for name, _pattern, _view in walk(resolver):
        found.setdefault(name, [])
    for name, parts in found.items():
        inner = resolver
        *spaces, last = name.split(":")
        for space in spaces:
            _prefix, inner = inner.namespace_dict[space]
        for possibilities, *_rest in inner.reverse_dict.getlist(last):
            parts += [frozenset(params) for _text, params in possibilities]
    return found


def _faults(
    tree: nodes.Template, names: dict[str, list[frozenset[str]]], components: set[str]
) -> Iterator[tuple[int, str]]:
    for attribute in tree.find_all(nodes.Getattr):
        node = attribute.node
        if isinstance(node, nodes.Name) and node.name == "ui" and attribute.attr not in components:
            yield attribute.lineno, f"there is no component ui.{attribute.attr}"
    for call in tree.find_all(nodes.Call):
        first: Any = call.args[0] if call.args else None
        if not (isinstance(call.node, nodes.Name) and call.node.name in ADDRESSES and isinstance(first, nodes.Const)):
            continue
        if first.value not in names:
            yield call.lineno, f"there is no route {first.value}"
        elif call.node.name == "url" and not _fits(call, names[first.value]):
            yield call.lineno, f"the route {first.value} takes other address parts"


def _fits(call: nodes.Call, parts: list[frozenset[str]]) -> bool:
    if call.dyn_args is not None or call.dyn_kwargs is not None:
        return True
    keys, count = {keyword.key for keyword in call.kwargs}, len(call.args) - 1
    return any(len(wanted) == count + len(keys) and keys <= wanted for wanted in parts)
