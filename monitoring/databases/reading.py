"""Ask a platform's database everything at once: one connection, each question for itself, every answer kept."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import connection, transaction
from django.db.models import F

from monitoring.databases.judging import Facts, Judged
from monitoring.databases.questions import FACTS, QUESTIONS, Question
from monitoring.models import DatabaseAnswer, DatabasePoll, TargetDatabase
from monitoring.statements import bare
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import DatabaseTargetError, Reader, reading

READ_SECONDS: Final = 45.0  # of a whole reading; a question may take 10 s of them
STATEMENT_LENGTH: Final = 400
NO_MONITOR: Final = "Other roles' part is hidden from its reader: GRANT pg_monitor TO it."
NO_STATEMENTS: Final = "The extension pg_stat_statements is not there: CREATE EXTENSION pg_stat_statements."


@contextmanager
def _turn(database: TargetDatabase) -> Iterator[bool]:
    """Whether it is this reading's turn: a database never has more than one connection of ours that reads it."""
    with connection.cursor() as cursor:
        key = ("monitoring-database", database.pk)
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", key)
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)


def database_read(*, database: TargetDatabase, at: datetime) -> DatabasePoll | None:
    """Ask and keep; what could not be asked is *unknown* with its reason. None while another reading is under way."""
    with _turn(database) as is_mine:
        return _read(database, at) if is_mine else None


def _read(database: TargetDatabase, at: datetime) -> DatabasePoll:
    begun = time.monotonic()
    try:
        with reading(database.reader, seconds=READ_SECONDS) as reader:
            facts = _facts(reader, database, at)
            answers = [_answer(reader, facts, database, question, at) for question in QUESTIONS.values()]
    except (DatabaseTargetError, BlockedAddressError) as error:
        return _keep(database, {"tried_at": at, "error": str(error)[:300]}, is_read=False)
    values = {
        "tried_at": at,
        "fetched_at": at,
        "error": "",
        "facts": _plain(asdict(facts)),
        "ms": int((time.monotonic() - begun) * 1000),
    }
    with transaction.atomic():
        DatabaseAnswer.objects.bulk_create(answers, ignore_conflicts=True)
        return _keep(database, values, is_read=True)


def _keep(database: TargetDatabase, values: Mapping[str, Any], *, is_read: bool) -> DatabasePoll:
    poll, _ = DatabasePoll.objects.get_or_create(database=database, defaults={"tried_at": values["tried_at"]})
    counted = {"readings": F("readings") + 1, "failures": F("failures") + int(not is_read)}
    DatabasePoll.objects.filter(pk=poll.pk).update(**values, **counted)
    poll.refresh_from_db()
    return poll


def _facts(reader: Reader, database: TargetDatabase, at: datetime) -> Facts:
    row = reader.rows(FACTS)[0]
    if row["counted_for"] is None:
        row["counted_for"] = _seen_for(DatabasePoll.objects.filter(database=database).first(), row, at)
    return Facts(**{field.name: row[field.name] for field in fields(Facts)})


def _seen_for(poll: DatabasePoll | None, row: Mapping[str, Any], at: datetime) -> float:
    """Seconds for which the portal saw the statistics go on: they are lost in a crash, and the server tells nobody.

    Another start may be another server, and figures that fell began anew.
    """
    if poll is None or poll.fetched_at is None or poll.facts.get("started") != row["started"]:
        return 0.0
    if row["hit"] + row["missed"] < poll.facts["hit"] + poll.facts["missed"]:
        return 0.0
    seen: float = poll.facts["counted_for"] + (at - poll.fetched_at).total_seconds()
    return seen


def _answer(reader: Reader, facts: Facts, database: TargetDatabase, question: Question, at: datetime) -> DatabaseAnswer:
    begun, rows = time.monotonic(), list[dict[str, Any]]()
    if question.monitor and not facts.monitors:
        judged = Judged("unknown", NO_MONITOR)
    elif question.statements and facts.statements_in is None:
        judged = Judged("unknown", NO_STATEMENTS)
    else:
        try:
            # The schema's name comes quoted from the server itself.
            rows = reader.rows(question.statement.replace("{statements}", facts.statements_in or ""))
            judged = question.judge(rows, facts)
        except DatabaseTargetError as error:
            rows, judged = [], Judged("unknown", str(error))
    if question.statements:
        rows = [row | {"statement": bare(row["statement"] or "", STATEMENT_LENGTH)} for row in rows]
    return DatabaseAnswer(
        platform_id=database.platform_id,
        database=database,
        question=question.key,
        read_at=at,
        verdict=judged.verdict,
        summary=judged.summary[:240],
        rows=_plain(rows),
        ms=int((time.monotonic() - begun) * 1000),
    )


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
