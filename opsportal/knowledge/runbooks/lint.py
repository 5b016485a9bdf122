"""What is wrong in a runbook beside its form: unknown commands, commands known to be wrong, secrets. Pure."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from opsportal.knowledge.runbooks.text import Command, Parsed, Problem, StepKind, parse

SHELL: Final = frozenset({"", "bash", "sh", "shell", "console"})
SQL: Final = frozenset({"sql", "psql"})
KNOWN: Final = frozenset({
    "aws", "awk", "cat", "cd", "column", "cp", "createdb", "curl", "cut", "date", "diff", "dig", "docker", "dropdb",
    "echo", "export", "git", "grep", "gunzip", "gzip", "head", "helm", "jq", "kubectl", "less", "ls", "mkdir", "mv",
    "nc", "npm", "nslookup", "openssl", "pg_amcheck", "pg_dump", "pg_isready", "pg_restore", "ping", "psql",
    "redis-cli", "sed", "sha256sum", "sleep", "sort", "ssh", "tail", "tar", "tee", "terraform", "test", "time",
    "timeout", "tr", "uniq", "unset", "vacuumdb", "watch", "wc", "while", "do", "done", "if", "then", "else", "fi",
    "for", "xargs", "zcat",
})  # fmt: skip
KNOWN_SQL: Final = frozenset({
    "alter", "analyze", "begin", "commit", "create", "drop", "explain", "fetch", "fields", "filter", "insert", "reset",
    "rollback", "select", "set", "show", "source", "update", "delete", "vacuum", "with", "reindex",
})  # fmt: skip

# Commands of the guides that do nothing, do not exist, or destroy (M-RUN-06, M-RUN-07), and why.
KNOWN_WRONG: Final = (
    (
        re.compile(r"\bALTER\s+SYSTEM\s+SET\s+max_connections\b", re.IGNORECASE),
        ("max_connections changes only with a restart: a reload does nothing, and RDS does not allow ALTER SYSTEM "
        "(parameter group, then reboot)."),
    ),
    (
        re.compile(r"\bcache_(?:hit_rate|miss)\b"),
        "Redis INFO has no cache_hit_rate; the rate is keyspace_hits / (keyspace_hits + keyspace_misses).",
    ),
    (
        re.compile(r"\baws\s+rds\s+restore-[\w-]+\b[^;|&]*\s--dry-run\b"),
        "The restore commands of RDS have no --dry-run; a test is a restore beside, under a new name.",
    ),
    (
        re.compile(r"\baws\s+ecs\s+put-cluster-capacity-providers\b"),
        "It sets what a cluster runs on and enables no metrics; detailed metrics are the setting containerInsights.",
    ),
    (
        re.compile(r"\bpg_restore\b(?=[^;|&]*\s(?:-c\b|-[a-zA-Z]*c[a-zA-Z]*\s|--clean\b))"),
        "pg_restore -c drops the objects of the database it restores into; restore beside, verify, then switch.",
    ),
    (
        re.compile(r"\bmean_time\b"),
        "pg_stat_statements has mean_exec_time; mean_time is gone since PostgreSQL 13.",
    ),
    (
        re.compile(r"\baws\s+logs\s+delete-log-stream\b"),
        "Logs are kept by a retention policy (aws logs put-retention-policy), never deleted stream by stream.",
    ),
    (
        re.compile(r"\bterraform\s+apply\b[^;|&]*-auto-approve\b"),
        "An unread plan is not applied: terraform plan, read it, then apply that plan.",
    ),
)  # fmt: skip

_SECRETS: Final = (
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b(?:ghp|gho|xox[abp]|glpat)[_-][\w-]{16,}"),
    re.compile(r"\bops_\d+_[\w-]{20,}|\bwhsec_[\w-]{20,}"),
    re.compile(r"(?i)\b(?:\w*password|\w*secret(?:_access)?_key|\w*api_?key|pgpassword)\s*[=:]\s*['\"]?(?![$<*{\[])[^\s'\"]{6,}"),
    re.compile(r"://[^\s:/@]+:(?![$<*{\[])[^\s@/]{3,}@"),
)  # fmt: skip
# Functions that act even in a read-only transaction, and ways out of one.
_ACTING: Final = re.compile(
    r"(?i)\b(?:pg_(?:terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile|pg_promote|pg_switch_wal|pg_read_\w+"
    r"|pg_ls_\w+|pg_stat_reset\w*|pg_stat_statements_reset|pg_advisory_\w+|pg_sleep\w*|pg_logical_\w+|pg_create_\w+"
    r"|pg_drop_\w+|pg_export_snapshot|pg_notify|pg_wal_replay_\w+|set_config|nextval|setval|lo_\w+|dblink\w*"
    r"|query_to_xml\w*|txid_current|pg_current_xact_id|into|for\s+(?:no\s+key\s+)?(?:update|share))\b"
)
_READS: Final = re.compile(r"(?is)^\s*(?:select|with|show)\b")
_CHANGES: Final = re.compile(r"(?i)\b(?:insert|update|delete|merge|drop|alter|create|truncate|grant|copy|call|do)\b")


def sql_problem(statement: str) -> str:
    """Why the portal does not ask this, or "": one statement that only reads."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", statement.strip().rstrip(";"))
    if ";" in bare or "--" in bare or "/*" in bare or "$$" in bare:
        return "A query is one statement without comments."
    if not _READS.match(bare):
        return "A query begins with SELECT, WITH or SHOW; it only reads."
    found = _ACTING.search(bare) or _CHANGES.search(bare)
    return f"A query only reads: {found[0]} does not belong into it." if found else ""


def lint(text: str) -> tuple[Problem, ...]:
    """Everything wrong in a runbook's text, in the order of its lines."""
    parsed = parse(text)
    return tuple(sorted([*parsed.problems, *_commands(parsed), *_queries(parsed), *_secrets(text)]))


def _commands(parsed: Parsed) -> Iterator[Problem]:
    for step in parsed.steps:
        for command in step.commands:
            flat = " ".join(command.text.replace("\\\n", " ").split())
            for pattern, why in KNOWN_WRONG:
                if pattern.search(flat):
                    yield Problem(command.line, why)
            yield from _unknown_words(command)


def _unknown_words(command: Command) -> Iterator[Problem]:
    if command.language in SQL:
        for statement in re.sub(r"--[^\n]*", "", command.text).split(";"):
            words = statement.split()
            if words and words[0].lower().strip("(|") not in KNOWN_SQL:
                yield Problem(command.line, f"{words[0][:40]} is no statement that is known here.", is_error=False)
        return
    if command.language not in SHELL:
        return
    for line, number in _logical_lines(command):
        try:
            words = list(_first_words(line))
        except ValueError:
            yield Problem(number, "A quotation mark in this command does not close.")
            continue
        for word in words:
            if word.rpartition("/")[2] not in KNOWN:
                yield Problem(number, f"{word[:40]} is no command that is known here.", is_error=False)


def _logical_lines(command: Command) -> Iterator[tuple[str, int]]:
    """Whole commands, over as many lines as their back-slashes and quotation marks need."""
    held, began = "", 0
    rows = command.text.split("\n")
    for number, row in enumerate(rows, start=command.line + 1):
        began = began or number
        held += row[:-1] + " " if row.endswith("\\") else row
        if row.endswith("\\"):
            continue
        if not _closes(held) and number < command.line + len(rows):
            held += "\n"
            continue
        yield held, began
        held, began = "", 0


def _closes(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def _first_words(line: str) -> Iterator[str]:
    """The commands of one line: its first word, and the word after each pipe, `&&`, `;` and `$(`. Raises ValueError."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()")
    lexer.whitespace_split = True
    is_first = True
    for token in lexer:
        if set(token) <= set("|&;()"):
            is_first = not token.endswith(")")
        elif is_first and re.match(r"\w+=", token):
            is_first = token.endswith("=$")  # a variable, whose value may be another command's answer
        elif is_first:
            is_first = False
            if token not in ("$", "sudo", "!"):
                yield token


def _queries(parsed: Parsed) -> Iterator[Problem]:
    for step in parsed.steps:
        if step.kind == StepKind.QUERY and isinstance(step.params.get("sql"), str):
            problem = sql_problem(step.params["sql"])
            if problem:
                yield Problem(step.line, problem)


def _secrets(text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.split("\n"), start=1):
        if any(pattern.search(line) for pattern in _SECRETS):
            yield Problem(number, "This looks like a secret. Name where it is kept instead, never write it down.")
