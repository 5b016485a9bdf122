"""Cancel statements or end sessions of a platform's PostgreSQL, one by one from a list that a person has read.

A session is its process id and when it began, a statement also when it began: a number that another session has got
meanwhile is not hit.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms

from monitoring.actions.base import MAYBE_EARLIER, PAUSE_SECONDS, Action, ActionForm, Drafted, Wanted
from monitoring.models import TargetDatabase
from monitoring.statements import bare
from opsportal.core.formats import plural
from opsportal.core.models import JSON
from opsportal.plans.execution import CallFailedError, CallUnknownError, register_executor
from opsportal.plans.models import PlanCall, RiskClass
from opsportal.plans.services import PlannedCall, PlanRefusedError
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import AnswerLostError, DatabaseTargetError, read_rows, signal_session

MOST_SESSIONS: Final = 10
MOST_SHOWN: Final = 100
GONE_SECONDS: Final = 4.0
HIDDEN: Final = (
    "{name}: the sessions of other roles are hidden from its reader, so they cannot be listed. "
    "It needs the role pg_monitor (GRANT pg_monitor TO the reader)."
)
CANCEL, TERMINATE = "sql.cancel", "sql.terminate"
# Ours, replication and the server's own are never offered. Of a session that is hidden even the kind is NULL.
LIST_SQL: Final = """
SELECT pid, usename AS role, application_name AS app, coalesce(host(client_addr), 'socket') AS host, state,
       backend_start::text AS began, coalesce(query_start::text, '') AS asked_at,
       extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start, backend_start))::int AS seconds,
       left(query, 400) AS statement, backend_type IS NULL AS is_hidden
FROM pg_stat_activity
WHERE coalesce(backend_type, 'client backend') = 'client backend' AND datname = current_database()
  AND pid <> pg_backend_pid() AND application_name <> 'opsportal'
ORDER BY is_hidden, (state = 'active') DESC, seconds DESC NULLS LAST, pid LIMIT %s
"""
_ONE_SQL: Final = """
SELECT state, coalesce(query_start::text, '') AS asked_at FROM pg_stat_activity
WHERE pid = %s AND backend_start = %s::timestamptz
"""


def sessions_of(database: TargetDatabase) -> list[dict[str, Any]]:
    """The sessions of its clients, the busiest first. Raises DatabaseTargetError, BlockedAddressError."""
    return read_rows(database.reader, LIST_SQL, [MOST_SHOWN])


class SessionsForm(ActionForm):
    """Which database, then which of its sessions."""

    target = forms.ChoiceField(label="Database")
    sessions = forms.MultipleChoiceField(
        label="Sessions",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "What was ticked has ended meanwhile. This is the list as it is now."},
    )

    @staticmethod
    def key(row: Mapping[str, Any]) -> str:
        """What names one row: a busy session is the same one whatever it does."""
        return f"{row['pid']} {row['began']}"

    def prepare(self) -> None:
        rows = TargetDatabase.objects.filter(platform=self.platform).order_by("name", "pk")
        self.databases = {row.key: row for row in rows}
        # A platform's database is asked only once somebody named it.
        asked = str(self.data.get("target") or self.initial.get("target") or "")
        self.chosen = asked if asked in self.databases else ""
        names = [(key, row.name) for key, row in self.databases.items()]
        self.listed = _listed(self, self.databases[self.chosen]) if self.chosen else []
        for name, choices in (("target", names), ("sessions", [(self.key(row), _said(row)) for row in self.listed])):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def clean_sessions(self) -> list[dict[str, Any]]:
        """The rows as they were listed."""
        keys = set(self.cleaned_data["sessions"])
        if len(keys) > MOST_SESSIONS:
            raise forms.ValidationError(f"At most {MOST_SESSIONS} in one plan.")
        return [row for row in self.listed if self.key(row) in keys]


class StatementsForm(SessionsForm):
    """Which database, then which of the statements that run in it."""

    @staticmethod
    def key(row: Mapping[str, Any]) -> str:
        """The next statement of the same session is another one."""
        return f"{row['pid']} {row['began']} {row['asked_at']}"


def _listed(form: SessionsForm, database: TargetDatabase) -> list[dict[str, Any]]:
    try:
        rows = sessions_of(database)
    except (DatabaseTargetError, BlockedAddressError) as error:
        form.trouble = f"{database.name} could not be asked: {error}"
        return []
    seen = [row for row in rows if not row["is_hidden"]]
    if len(seen) < len(rows):
        form.trouble = HIDDEN.format(name=database.name)
    return seen


def _said(row: Mapping[str, Any]) -> str:
    who = f"{row['pid']} {row['role']} ({row['app'] or 'no name'}, {row['host']})"
    does = bare(row["statement"] or "") or "nothing yet"
    return f"{who}: {row['state'] or 'state hidden'} for {row['seconds']} s: {does}"


def _draft(operation: str, wanted: Wanted) -> tuple[TargetDatabase, Sequence[PlannedCall]]:
    database = TargetDatabase.objects.filter(platform=wanted.platform, key=wanted.values["target"]).first()
    if database is None:
        raise PlanRefusedError("This database is not connected any more. Nothing was stored.")
    if not database.maintainer_role and not database.dsn_env:
        raise PlanRefusedError(f"{database.name} has no role that may end sessions. Nothing was stored.")
    calls = [
        PlannedCall(
            operation=operation,
            target=f"{database.key}: pid {row['pid']} of {row['role']}, since {row['began']}"[:200],
            params={
                "database": database.pk,
                "role": database.maintainer_role,
                "pid": int(row["pid"]),
                "began": str(row["began"]),
                "asked_at": str(row["asked_at"]) if operation == CANCEL else "",
            },
            effect=_said(row)[:240],
            risk=RiskClass.ABSOLUTE,  # names one session: once it is gone, a second call finds nothing
        )
        for row in wanted.values["sessions"]
    ]
    return database, calls


def _cancel(wanted: Wanted) -> Drafted:
    database, calls = _draft(CANCEL, wanted)
    return Drafted(
        f"Cancel {plural(len(calls), 'statement')} in {database.name}",
        f"Ends {plural(len(calls), 'statement')} of {database.name} with an error and a roll-back; the sessions go on. "
        "One that has ended meanwhile is left alone. No charge.",
        calls,
    )


def _terminate(wanted: Wanted) -> Drafted:
    database, calls = _draft(TERMINATE, wanted)
    return Drafted(
        f"End {plural(len(calls), 'session')} of {database.name}",
        f"Closes {plural(len(calls), 'session')} of {database.name}: what was not committed rolls back, the programs "
        "see a lost connection. One that is gone meanwhile is left alone. No charge.",
        calls,
    )


def _execute(call: PlanCall) -> Mapping[str, JSON]:
    """Signal the very session that was listed, then look whether it is gone."""
    database = TargetDatabase.objects.filter(pk=call.params["database"]).first()
    if database is None or database.maintainer_role != call.params["role"]:
        raise CallFailedError(f"{call.target}: the role approved is not the one set now. Nothing was done.")
    one = [call.params["pid"], call.params["began"]]
    statement = call.params["asked_at"]
    try:
        before = read_rows(database.reader, _ONE_SQL, one)
        if not before or (statement and before[0]["asked_at"] != statement):
            note = MAYBE_EARLIER if call.was_begun else "It had ended by itself; nothing was sent."
            return {"before": before, "after": [], "note": note}
        sent = _signalled(database, call)
    except (DatabaseTargetError, BlockedAddressError) as error:
        raise CallFailedError(f"{call.target}: {error}") from error
    was = "was signalled" if sent is not None else "may have been signalled: the connection was lost"
    try:
        after = _left(database, one, statement)
    except (DatabaseTargetError, BlockedAddressError) as error:
        raise CallUnknownError(f"{call.target} {was}; whether it is gone cannot be read: {error}") from error
    if after and (not statement or _still_runs(after[0], statement)):
        raise CallUnknownError(f"{call.target} {was}; {GONE_SECONDS:g} s later it is still there.")
    return {"before": before[0], "after": after[0] if after else None, "signal sent": sent}


def _signalled(database: TargetDatabase, call: PlanCall) -> bool | None:
    """Whether PostgreSQL sent the signal; None when its answer was lost, and only a look can tell."""
    signal = "terminate" if call.operation == TERMINATE else "cancel"
    pid, began, asked_at = (call.params[name] for name in ("pid", "began", "asked_at"))
    try:
        return signal_session(database.maintainer, signal, pid, began=began, statement_began=asked_at)
    except AnswerLostError:
        return None


def _left(database: TargetDatabase, one: Sequence[Any], statement: str) -> list[dict[str, Any]]:
    """What is there once the session or its statement has ended, or when the wait is over."""
    until = time.monotonic() + GONE_SECONDS
    while True:
        rows = read_rows(database.reader, _ONE_SQL, one)
        is_there = bool(rows) and (not statement or _still_runs(rows[0], statement))
        if not is_there or time.monotonic() >= until:
            return rows
        time.sleep(PAUSE_SECONDS / 4)


def _still_runs(row: Mapping[str, Any], statement: str) -> bool:
    return (row["asked_at"], row["state"]) == (statement, "active")


for _operation in (CANCEL, TERMINATE):
    register_executor(_operation, _execute)

ACTIONS: Final = (
    Action(
        key="cancel-statements",
        label="Cancel statements",
        does="Ends the running statements that are ticked; their sessions stay.",
        form=StatementsForm,
        draft=_cancel,
        needs_aws=False,
    ),
    Action(
        key="end-sessions",
        label="End sessions",
        does="Closes the database sessions that are ticked; what they had not committed rolls back.",
        form=SessionsForm,
        draft=_terminate,
        needs_aws=False,
    ),
)
