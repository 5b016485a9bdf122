"""A pack: its directory read, checked, and taken apart into objects known by (kind, key)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opsportal.packs.documents import (
    Document,
    FieldPath,
    PackError,
    Problem,
    read_decision,
    read_document,
    read_runbook,
)
from opsportal.packs.kinds import Context, Data
from opsportal.packs.schema import schema_problems

DATA: Final = Path(__file__).parent / "data"
FILES: Final = (
    "platform.yaml",
    "services.yaml",
    "severities.yaml",
    "clocks.yaml",
    "thresholds.yaml",
    "slos.yaml",
    "checklists.yaml",
    "windows.yaml",
    "jobs.yaml",
    "targets.yaml",
    "policies.yaml",
)
CLOCK_KINDS: Final = ("acknowledge", "respond", "escalate", "update", "resolve", "review")
SOME_CLOCKS: Final = ("stakeholder", "breach", "page")  # of guides that speak of them


@dataclass(frozen=True, slots=True)
class PackItem:
    """One declared object and where it stands."""

    kind: str
    key: str
    data: Data
    document: Document
    path: FieldPath

    @property
    def line(self) -> int:
        return self.document.line(self.path)

    def problem(self, field: FieldPath, message: str) -> Problem:
        return self.document.problem((*self.path, *field), message)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that its schema accepts. `items` stand in the order in which they are written."""

    name: str
    version: str
    guide: str
    platform_key: str
    items: tuple[PackItem, ...]

    def of(self, kind: str) -> list[PackItem]:
        return [item for item in self.items if item.kind == kind]

    @property
    def context(self) -> Context:
        fields = ("namespace", "name", "dimensions", "unit")
        selectors = {
            (item.key.split(".", 1)[0], item.data["key"]): {name: item.data.get(name, "") for name in fields}
            for item in self.of("metric")
        }
        return Context(selectors, {item.key: item.data["zone"] for item in self.of("environment")})


def pack_names() -> list[str]:
    """The packs that come with the portal."""
    return sorted(path.name for path in DATA.iterdir() if path.is_dir())


def pack_directory(reference: str) -> Path:
    """The directory of a pack named by its name or by a path; raises PackError when there is none."""
    directory = DATA / reference if reference in pack_names() else Path(reference)
    if not (directory / "platform.yaml").is_file():
        raise PackError([Problem("platform.yaml", 1, "", f"{reference} is neither a pack nor a directory with one")])
    return directory


@dataclass(frozen=True, slots=True)
class PackHead:
    """The first lines of a pack."""

    version: str
    guide: str
    platform_key: str


def pack_head(reference: str) -> PackHead:
    """What a pack is, read from platform.yaml alone; raises PackError."""
    document = read_document(pack_directory(reference) / "platform.yaml", "platform.yaml")
    problems = list(schema_problems(document, "platform.yaml"))
    if problems:
        raise PackError(problems)
    about = document.data["pack"]
    return PackHead(about["version"], about["guide"], document.data["platform"]["key"])


def read_pack(reference: str) -> Pack:
    """Read a pack and check it against its schema; raises PackError with every problem found."""
    directory = pack_directory(reference)
    problems: list[Problem] = []
    documents: dict[str, Document] = {}
    texts: dict[str, list[Document]] = {"decisions": [], "runbooks": []}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        file = path.relative_to(directory).as_posix()
        folder = path.parent.name if path.suffix == ".md" and path.parent.parent == directory else ""
        if folder not in texts and file not in FILES:
            allowed = ", ".join((*FILES, "decisions/*.md", "runbooks/*.md"))
            problems.append(Problem(file, 1, "", f"is not a file of a pack; those are {allowed}"))
            continue
        read, definition = _READERS.get(folder, (read_document, file))
        try:
            document = read(path, file)
        except PackError as error:
            problems += error.problems
            continue
        problems += schema_problems(document, definition)
        if folder in texts:
            texts[folder].append(document)
        else:
            documents[file] = document
    problems += [
        Problem(file, 1, "", "is missing; an empty list says 'not in guide'")
        for file in FILES
        if not (directory / file).is_file()
    ]
    if problems:
        raise PackError(sorted(problems))
    head = documents["platform.yaml"].data
    items = (*_items(documents), *_decision_items(texts["decisions"]), *_runbook_items(texts["runbooks"]))
    about = head["pack"]
    return Pack(about["name"], about["version"], about["guide"], head["platform"]["key"], items)


_READERS: Final[Mapping[str, tuple[Callable[[Path, str], Document], str]]] = {
    "decisions": (read_decision, "decision.md"),
    "runbooks": (read_runbook, "runbook.md"),
}


def _items(documents: dict[str, Document]) -> Iterator[PackItem]:
    head = documents["platform.yaml"]
    key = head.data["platform"]["key"]
    yield PackItem("platform", key, {**head.data["platform"], "guide": head.data["pack"]["guide"]}, head, ("platform",))
    if "document" in head.data:
        yield PackItem("document", "guide", head.data["document"], head, ("document",))
    for kind, name in (
        ("environment", "environments"),
        ("contact", "contacts"),
        ("calendar", "calendars"),
        ("link", "links"),
    ):
        yield from _listed(kind, head, name)
    severities = documents["severities.yaml"]
    for path, data in _entries(severities, "schemes"):
        yield PackItem("severity-scheme", data["kind"], data, severities, path)
    for path, data in _entries(severities, "aliases"):
        name = f"{data['scheme']}.{data.get('sender', 'any')}.{data['alias']}"
        yield PackItem("severity-alias", name, data, severities, path)
    yield from _service_items(documents["services.yaml"])
    clocks = documents["clocks.yaml"]
    for path, data in _entries(clocks, "clocks"):
        for clock in CLOCK_KINDS:
            yield PackItem("clock", f"{data['severity']}.{clock}", data[clock], clocks, (*path, clock))
        for clock in SOME_CLOCKS:
            if clock in data:
                yield PackItem("clock", f"{data['severity']}.{clock}", data[clock], clocks, (*path, clock))
    for kind in ("threshold", "slo", "checklist", "window", "job", "target"):
        yield from _listed(kind, documents[f"{kind}s.yaml"], f"{kind}s")
    yield from _listed("policy", documents["policies.yaml"], "policies")


def _service_items(document: Document) -> Iterator[PackItem]:
    services = list(_entries(document, "services"))
    for path, data in services:
        own = {name: value for name, value in data.items() if name not in ("metrics", "log_queries")}
        yield PackItem("service", data["key"], own, document, path)
    for path, data in services:
        origin = {name: data[name] for name in ("source", "portal_default", "not_in_guide", "edited") if name in data}
        for position, metric in enumerate(data.get("metrics", ())):
            full = {**metric, **origin, "position": position}
            yield PackItem("metric", f"{data['key']}.{metric['key']}", full, document, (*path, "metrics", position))
        for position, query in enumerate(data.get("log_queries", ())):
            key = f"{data['key']}.{query['key']}"
            yield PackItem("log-query", key, query, document, (*path, "log_queries", position))
    yield from _listed("dashboard", document, "dashboards")


def _decision_items(documents: list[Document]) -> Iterator[PackItem]:
    for document in sorted(documents, key=lambda document: document.data["number"]):
        yield PackItem("decision", f"{document.data['number']:03d}", document.data, document, ())


def _runbook_items(documents: list[Document]) -> Iterator[PackItem]:
    for document in documents:  # in the order of their file names, which are their keys
        yield PackItem("runbook", Path(document.file).stem, document.data, document, ())


def _listed(kind: str, document: Document, name: str) -> Iterator[PackItem]:
    for path, data in _entries(document, name):
        yield PackItem(kind, data["key"], data, document, path)


def _entries(document: Document, name: str) -> Iterator[tuple[FieldPath, Any]]:
    for index, data in enumerate(document.data.get(name, ())):
        yield (name, index), data
