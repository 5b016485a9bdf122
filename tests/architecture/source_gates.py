"""Gates on the source text alone: sizes of files and functions, loops that nobody would run."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGES: Final = ("opsportal", "incidents", "monitoring", "maintenance")
MEASURED: Final = (*PACKAGES, "tests", "benchmarks", "manage.py")
MOST_FILE_LINES: Final = 500
MOST_FUNCTION_LINES: Final = 50


def python_files(root: Path, names: tuple[str, ...] = MEASURED) -> Iterator[Path]:
    """Every Python file that a person wrote."""
    for name in names:
        place = root / name
        found = [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))
        yield from (path for path in found if "migrations" not in path.parts)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, by way of the statements alone: expressions are most of a tree and hold none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _functions(node)


def file_length(root: Path) -> list[str]:
    """No Python file is longer than 500 lines."""
    lengths = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in python_files(root))
    return [
        f"{path.relative_to(root)}: {length} lines, at most {MOST_FILE_LINES}"
        for path, length in lengths
        if length > MOST_FILE_LINES
    ]


def function_length(root: Path) -> list[str]:
    """No function is longer than 50 lines."""
    faults = []
    for path in python_files(root):
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > MOST_FUNCTION_LINES:
                where = f"{path.relative_to(root)}:{function.lineno} {function.name}"
                faults.append(f"{where}: {length} lines, at most {MOST_FUNCTION_LINES}")
    return faults


def declared_loops(root: Path) -> dict[str, str]:
    """The name of each `@loop(name=…)` in the source, and where it stands."""
    found = {}
    for path in python_files(root, PACKAGES):
        text = path.read_text(encoding="utf-8")
        if "@loop(" not in text:
            continue
        for function in _functions(ast.parse(text)):
            for decorator in function.decorator_list:
                name = _loop_name(decorator)
                if name:
                    found[name] = f"{path.relative_to(root)}:{function.lineno}"
    return found


def _loop_name(decorator: ast.expr) -> str | None:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Name) or decorator.func.id != "loop":
        return None
    for keyword in decorator.keywords:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return "(a loop without a literal name)"
