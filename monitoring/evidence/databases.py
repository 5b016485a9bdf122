"""The kept answers of a platform's database as a check: whoever ticks sees the figure and how old it is."""

from typing import Any

from django.db.models import F

from monitoring.databases.questions import QUESTIONS
from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import unknown
from monitoring.models import DatabaseAnswer
from monitoring.selectors.databases import STALE_AFTER


@check("db.figure", title="Figure of a database", params={"database": str, "question": str})
def db_figure(context: CheckContext) -> Finding:
    """The newest answer of a platform's database to one question keeps its limit."""
    name, question = context.params.get("database", ""), QUESTIONS.get(context.params.get("question", ""))
    asked: dict[str, Any] = {"database": name, "sql": question.statement if question else ""}
    if question is None:
        known = ", ".join(QUESTIONS)
        return unknown(f"There is no such question; there are {known}.", fetched_at=context.at, asked=asked)
    answers = DatabaseAnswer.objects.filter(platform_id=context.platform_id, database__key=name, question=question.key)
    answer = answers.filter(read_at=F("database__poll__fetched_at")).select_related("database__poll").first()
    if answer is None:
        return unknown("This database was not read yet.", fetched_at=context.at, asked=asked)
    said = f"{question.title}: {answer.summary}"
    if error := answer.database.poll.error:
        return unknown(f"It could not be read since: {error} {said}", fetched_at=answer.read_at, asked=asked)
    if context.at - answer.read_at > STALE_AFTER:
        return unknown(f"The last answer is too old. {said}", fetched_at=answer.read_at, asked=asked)
    if not answer.verdict:
        return unknown(f"{said}. No limit judges it.", fetched_at=answer.read_at, asked=asked)
    got = {"answer": answer.pk, "rows": answer.rows[:10]}
    return Finding(verdict=answer.verdict, summary=said, fetched_at=answer.read_at, asked=asked, got=got)
