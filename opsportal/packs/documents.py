"""Reading a pack's files so that every later complaint can name file, line and field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 100_000  # an alias may repeat a list, not explode it

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a pack."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field or 'file'}: {self.message}"


class PackError(Exception):
    """The pack cannot be used; `problems` says why, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file and the line each field stands on."""

    file: str
    data: Any
    lines: Mapping[FieldPath, int]

    def line(self, path: FieldPath) -> int:
        """The line of the field, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: FieldPath, message: str) -> Problem:
        return Problem(self.file, self.line(path), field_name(path), message)


def field_name(path: FieldPath) -> str:
    """`slos[2].objective` for ("slos", 2, "objective")."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


class _Loader(yaml.SafeLoader):
    """SafeLoader whose dates stay text: the schema says what is a date."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_document(text: str, file: str, *, first_line: int = 1) -> Document:
    """Parse YAML; raises PackError naming the line for bad syntax, a repeated key or a file too large."""
    if len(text) > MAX_BYTES:
        raise PackError([Problem(file, 1, "", f"is larger than {MAX_BYTES} characters")])
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise PackError([Problem(file, line, "", f"has a character that YAML refuses: {error.reason}")]) from error
    try:
        node = loader.get_single_node()
        if node is None:
            raise PackError([Problem(file, first_line, "", "is empty")])
        lines: dict[FieldPath, int] = {}
        for path, mark in _walk(node, (), file, first_line):
            if len(lines) >= MAX_NODES:
                raise PackError([Problem(file, mark, "", "has too many fields")])
            if path in lines:
                raise PackError([Problem(file, mark, field_name(path), "stands here twice")])
            lines[path] = mark
        return Document(file, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + first_line if error.problem_mark else first_line
        raise PackError([Problem(file, line, "", f"is not valid YAML: {error.problem or error.context}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PackError([Problem(file, first_line, "", f"is not valid YAML: {error}")]) from error
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: FieldPath, file: str, first_line: int) -> Iterator[tuple[FieldPath, int]]:
    yield path, node.start_mark.line + first_line
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise PackError(
                    [Problem(file, key.start_mark.line + first_line, field_name(path), "has a key that is no word")]
                )
            inner = _walk(value, (*path, str(key.value)), file, first_line)
            # The key's line is the field's line: a block value begins on the next one.
            yield next(inner)[0], key.start_mark.line + first_line
            yield from inner
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), file, first_line)


def read_document(path: Path, file: str) -> Document:
    """Read and parse one YAML file of a pack."""
    return parse_document(_read_text(path, file), file)


SECTIONS: Final = ("context", "decision", "consequences", "alternatives", "implementation")


def _front_matter(path: Path, file: str, example: str) -> tuple[Document, str, int]:
    """The fields between two `---` lines, the text below them, and the line on which that text begins."""
    head, separator, body = _read_text(path, file).removeprefix("---\n").partition("\n---")
    if not separator:
        raise PackError([Problem(file, 1, "", "has no block between two '---' lines")])
    front = parse_document(head, file, first_line=2)
    if not isinstance(front.data, dict):
        raise PackError([Problem(file, 2, "", f"must begin with fields such as '{example}'")])
    return front, body, head.count("\n") + 3


def read_runbook(path: Path, file: str) -> Document:
    """Read a runbook: YAML between `---` lines, then its text, if the guide has one."""
    front, body, first = _front_matter(path, file, "title: High CPU")
    text = body.partition("\n")[2]
    start = first + 1 + len(text) - len(text.lstrip("\n"))
    data, lines = {**front.data, "body": text.strip("\n")}, {**front.lines, ("body",): start}
    return Document(file, data, lines)


def read_decision(path: Path, file: str) -> Document:
    """Read a decision: YAML between `---` lines, then `## Context`, `## Decision` … sections, all optional."""
    front, body, first = _front_matter(path, file, "number: 1")
    data, lines = dict(front.data), dict(front.lines)
    section = ""
    for number, line in enumerate(body.split("\n"), start=first):
        if line.startswith("## "):
            section = line[3:].strip().lower()
            if section not in SECTIONS or section in data:
                allowed = ", ".join(name.title() for name in SECTIONS)
                raise PackError([Problem(file, number, section, f"is not a section of its own; one each of {allowed}")])
            data[section], lines[section,] = "", number
        elif section:
            data[section] += line + "\n"
        elif line.strip():
            raise PackError([Problem(file, number, "", "has text before the first '## ' section")])
    for name in SECTIONS:
        if name in data:
            data[name] = data[name].strip("\n")
    return Document(file, data, lines)


def _read_text(path: Path, file: str) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PackError([Problem(file, 1, "", f"is larger than {MAX_BYTES} bytes")])
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PackError([Problem(file, 1, "", f"is not UTF-8 (byte {error.start})")]) from error
    except OSError as error:
        raise PackError([Problem(file, 1, "", error.strerror or "cannot be read")]) from error
