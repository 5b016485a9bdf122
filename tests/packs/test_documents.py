"""Every complaint about a pack names file, line and field."""

from pathlib import Path

import pytest

from opsportal.packs.documents import PackError, Problem, parse_document
from opsportal.packs.pack import pack_names, read_pack
from opsportal.packs.services import load_pack


def _edit(directory: Path, file: str, old: str, new: str) -> int:
    """Replace once; returns the line on which `new` begins."""
    path = directory / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def _problems(directory: Path) -> list[Problem]:
    with pytest.raises(PackError) as caught:
        load_pack(str(directory))
    return caught.value.problems


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_of_the_portal_is_valid(name: str) -> None:
    assert load_pack(name).platform_key == name


def test_an_unknown_field_is_named_with_its_line(pack_copy: Path) -> None:
    line = _edit(pack_copy, "slos.yaml", "    objective: 99.9\n", "    objectiv: 99.9\n    objective: 99.9\n")
    assert _problems(pack_copy) == [Problem("slos.yaml", line, "slos[0].objectiv", "is not a field that is known here")]


def test_a_wrong_value_is_named_with_its_line(pack_copy: Path) -> None:
    line = _edit(pack_copy, "thresholds.yaml", "    period: 300", "    period: 7")
    assert _problems(pack_copy) == [
        Problem("thresholds.yaml", line, "thresholds[0].period", "must be one of 60, 300, 3600")
    ]


def test_a_missing_field_is_named(pack_copy: Path) -> None:
    _edit(pack_copy, "thresholds.yaml", '    comparison: ">"\n', "")
    (problem,) = _problems(pack_copy)
    assert (problem.field, problem.message) == ("thresholds[0]", "'comparison' is missing")


def test_a_figure_without_origin_is_refused(pack_copy: Path) -> None:
    _edit(pack_copy, "slos.yaml", "    portal_default: true\n", "")
    (problem,) = _problems(pack_copy)
    assert problem.message.startswith("needs exactly one of source, portal_default")


def test_a_figure_with_two_origins_is_refused(pack_copy: Path) -> None:
    _edit(pack_copy, "slos.yaml", "    portal_default: true\n", "    portal_default: true\n    source: ShopMgmt §1\n")
    (problem,) = _problems(pack_copy)
    assert problem.message.startswith("needs exactly one of source, portal_default")


def test_a_reference_that_leads_nowhere_is_named(pack_copy: Path) -> None:
    line = _edit(pack_copy, "thresholds.yaml", "    severity: SEV2", "    severity: P9")
    (problem,) = _problems(pack_copy)
    assert (problem.file, problem.line, problem.field) == ("thresholds.yaml", line, "thresholds[0].severity")
    assert "'P9' is no label of the alert scheme; known are SEV1, SEV2, SEV3, SEV4" in problem.message


@pytest.mark.parametrize(
    "file, old, new, field",
    [
        ("thresholds.yaml", "metric: db-connections", "metric: db-nothing", "thresholds[1].metric"),
        ("slos.yaml", "service: shop-management-api", "service: shop", "slos[0].service"),
        ("windows.yaml", 'cron: "0 3 * * *"', 'cron: "0 25 * * *"', "windows[0].schedule.cron"),
        ("windows.yaml", "zone: UTC", "zone: Mars/Base", "windows[0].schedule.zone"),
        ("jobs.yaml", "window: maintenance", "window: never", "jobs[0].window"),
        ("jobs.yaml", "kind: database-analyze", "kind: drop-database", "jobs[0].kind"),
        ("checklists.yaml", "check: alarms.overnight", "check: alarms.guess", "checklists[0].items[2].checks[0].check"),
        ("platform.yaml", "zone: America/New_York", "zone: New York", "environments[0].zone"),
    ],
)
def test_references_are_checked(pack_copy: Path, file: str, old: str, new: str, field: str) -> None:
    line = _edit(pack_copy, file, old, new)
    problems = _problems(pack_copy)
    assert (file, line, field) in [(p.file, p.line, p.field) for p in problems]


def test_a_key_used_twice_is_refused(pack_copy: Path) -> None:
    _edit(pack_copy, "slos.yaml", "key: api-latency", "key: api-availability")
    assert {problem.message for problem in _problems(pack_copy)} == {"slo api-availability is declared more than once"}


def test_a_field_given_twice_is_refused() -> None:
    with pytest.raises(PackError) as caught:
        parse_document("slos:\n- key: a\n  key: b\n", "slos.yaml")
    assert caught.value.problems == [Problem("slos.yaml", 3, "slos[0].key", "stands here twice")]


def test_bad_yaml_names_the_line() -> None:
    with pytest.raises(PackError) as caught:
        parse_document("slos:\n  - key: [a\n", "slos.yaml")
    (problem,) = caught.value.problems
    assert problem.line >= 2
    assert "is not valid YAML" in problem.message


@pytest.mark.parametrize(
    "text",
    ["", "a: !!python/object/apply:os.system [ls]", "? [a, b]\n: c", "a: &x [*x]", "a: \x00", "[" * 5000, "x: *nobody"],
)
def test_hostile_yaml_is_a_problem_and_no_crash(text: str) -> None:
    with pytest.raises(PackError):
        parse_document(text, "slos.yaml")


def test_alias_explosion_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(PackError, match="too many fields"):
        parse_document("\n".join(lines), "slos.yaml")


def test_a_stray_file_and_a_missing_file_are_named(pack_copy: Path) -> None:
    (pack_copy / "secrets.yaml").write_text("a: 1\n")
    (pack_copy / "jobs.yaml").unlink()
    assert [problem.file for problem in _problems(pack_copy)] == ["jobs.yaml", "secrets.yaml"]


def test_bytes_that_are_not_utf8_are_named(pack_copy: Path) -> None:
    (pack_copy / "jobs.yaml").write_bytes(b"jobs: [\xff]\n")
    with pytest.raises(PackError, match="is not UTF-8"):
        read_pack(str(pack_copy))


def test_a_directory_without_a_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="neither a pack nor a directory"):
        read_pack(str(tmp_path))


def test_a_decision_keeps_its_lines(pack_copy: Path) -> None:
    path = pack_copy / "decisions" / "001-multi-tenant-architecture.md"
    line = _edit(pack_copy, "decisions/001-multi-tenant-architecture.md", "## Alternatives", "## Afterthoughts")
    (problem,) = _problems(pack_copy)
    assert (problem.file, problem.line, problem.field) == (f"decisions/{path.name}", line, "afterthoughts")
