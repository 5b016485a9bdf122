"""A runbook's text: taken apart, led through, and told what is wrong in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.knowledge.runbooks.lint import lint, sql_problem
from opsportal.knowledge.runbooks.text import StepKind, parse
from tests.factories.runbooks import TEXT


def errors(text: str) -> list[str]:
    return [problem.text for problem in lint(text) if problem.is_error]


def warnings(text: str) -> list[str]:
    return [problem.text for problem in lint(text) if not problem.is_error]


def with_command(command: str, language: str = "bash") -> str:
    return TEXT.replace("```bash\nkubectl get pods -n production\n```", f"```{language}\n{command}\n```")


def test_sections_steps_and_kinds_are_found() -> None:
    parsed = parse(TEXT)
    assert [section.title for section in parsed.sections if section.title] == ["Symptoms", "Steps", "Verification"]
    assert [(step.number, step.kind) for step in parsed.steps] == [
        (1, StepKind.MANUAL), (2, StepKind.CHECK), (3, StepKind.DECISION), (4, StepKind.MANUAL),
        (5, StepKind.MANUAL), (6, StepKind.MANUAL),
    ]  # fmt: skip
    assert parsed.steps[0].commands[0].text == "kubectl get pods -n production"
    assert parsed.steps[1].params == {"check": "alarms.pending"}
    assert parsed.steps[5].is_verification


def test_a_decision_leads_on_and_a_branch_joins_again() -> None:
    parsed = parse(TEXT)
    assert parsed.after(3, "look-at-the-database") == 5
    assert parsed.after(3, "roll-back") == 4
    assert parsed.after(4) == 6  # "Then: verification" leads past the other branch
    assert parsed.after(6) == 7  # past the last: through


def test_a_heading_in_a_command_is_no_step() -> None:
    parsed = parse(TEXT.replace("kubectl get pods -n production", "cat <<X\n### not a step\n## nor a section\nX"))
    assert len(parsed.steps) == 6


def test_the_template_of_the_tests_has_no_finding() -> None:
    assert lint(TEXT) == ()


@pytest.mark.parametrize(
    "change, says",
    [
        (("## Verification\n### It answers\nOpen the page.\n", ""), "how does one know that it worked"),
        (("A deployment: roll-back", "A deployment: nowhere"), "leads to nowhere"),
        (("Then: verification", "Then: elsewhere"), "leads to elsewhere"),
        (("### Look at the database", "### Look"), "Two steps are called"),
        (("check: alarms.pending", "chek: alarms.pending"), "has no field chek"),
        (("check: alarms.pending", "[: :"), "no valid YAML"),
        (("- A deployment: roll-back\n", ""), "A decision has two lines or more"),
    ],
)
def test_what_is_wrong_in_the_form_is_said(change: tuple[str, str], says: str) -> None:
    assert any(says in text for text in errors(TEXT.replace(*change)))


@pytest.mark.parametrize(
    "command, says",
    [
        ('psql -c "ALTER SYSTEM SET max_connections = 200"', "only with a restart"),
        ('redis-cli info stats | grep "cache_hit_rate"', "keyspace_hits"),
        (
            "aws rds restore-db-cluster-from-snapshot \\\n  --snapshot-identifier s \\\n  --dry-run",
            "have no --dry-run",
        ),
        ("aws ecs put-cluster-capacity-providers --cluster c", "enables no metrics"),
        ("pg_restore -h db.example.com -U admin -d mydb -c backup.dump", "restore beside"),
        ("pg_restore --clean -d mydb backup.dump", "restore beside"),
        ('psql -c "SELECT mean_time FROM pg_stat_statements"', "mean_exec_time"),
        ("terraform apply -auto-approve", "unread plan"),
    ],
)
def test_wrong_commands_of_the_guides_are_refused_with_why(command: str, says: str) -> None:
    assert any(says in text for text in errors(with_command(command)))


def test_a_restore_beside_is_no_finding() -> None:
    assert lint(with_command("pg_restore -d mydb_restore --exit-on-error backup.dump")) == ()


def test_an_unknown_command_is_a_warning_also_behind_a_pipe() -> None:
    assert warnings(with_command("kubectl get pods | frobnicate --all")) == [
        "frobnicate is no command that is known here."
    ]
    assert warnings(with_command("NAME=$(aws sts get-caller-identity)\naws s3 ls && grep x y")) == []
    assert warnings(with_command("FROBNICATE x", "sql")) == ["FROBNICATE is no statement that is known here."]


def test_quotation_marks_over_lines_belong_together() -> None:
    assert lint(with_command('psql -c "\n  SELECT 1;"')) == ()
    assert errors(with_command('psql -c "SELECT 1')) == ["A quotation mark in this command does not close."]


@pytest.mark.parametrize(
    "line",
    [
        "export PGPASSWORD=hunter2hunter2",
        "psql postgres://admin:s3cret@db/x",
        "AKIA" + "A" * 16,
        "aws_secret_access_key = abcdefghijklmnop",
    ],
)
def test_a_secret_is_refused(line: str) -> None:
    assert any("looks like a secret" in text for text in errors(TEXT + line + "\n"))


@pytest.mark.parametrize("line", ["export PGPASSWORD=$DB_PASSWORD", "password: <from Secrets Manager>"])
def test_the_name_of_a_secret_is_none(line: str) -> None:
    assert errors(TEXT + line + "\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(1)",
        "SELECT 1; DROP TABLE x",
        "UPDATE x SET y = 1",
        "WITH gone AS (DELETE FROM x RETURNING 1) SELECT * FROM gone",
        "SELECT set_config('a', 'b', false)",
        "SELECT * FROM x FOR UPDATE",
        "SELECT 1 -- and more",
        "COPY x TO PROGRAM 'id'",
    ],
)
def test_a_query_that_acts_is_refused(statement: str) -> None:
    assert sql_problem(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle; drop' GROUP BY state",
        "SHOW max_connections",
        "WITH a AS (SELECT 1) SELECT * FROM a;",
    ],
)
def test_a_query_that_reads_is_taken(statement: str) -> None:
    assert sql_problem(statement) == ""


@given(st.text(alphabet="#` \n-:aTthen[]{}'\"|$()~", max_size=300))
def test_any_text_is_understood_or_refused_and_leads_somewhere(text: str) -> None:
    parsed = parse(text)
    lint(text)
    for step in parsed.steps:
        assert parsed.step(step.number) is step
        if not parsed.problems:
            assert 1 <= parsed.after(step.number) <= len(parsed.steps) + 1


def test_a_problem_names_its_line() -> None:
    text = TEXT.replace("kubectl get pods", "frobnicate pods")
    (problem,) = lint(text)
    assert text.split("\n")[problem.line - 1] == "frobnicate pods -n production"
