"""`migrate` ends well only when the app role has its rights."""

from io import StringIO
from typing import Any

import pytest
from django.core.management.base import CommandError

from opsportal.core.management.commands.migrate import Command


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_role_that_may_not_be_made_fails_with_the_sql_to_run(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "USER", "pg_reserved_by_postgresql")
    said = StringIO()
    with pytest.raises(CommandError, match="run the above as a superuser"):
        Command(stdout=said)._grant("owner")
    first, *grants = said.getvalue().splitlines()
    assert first.startswith('CREATE ROLE "pg_reserved_by_postgresql" LOGIN NOSUPERUSER')
    assert 'GRANT SELECT ON "audit_auditentry" TO "pg_reserved_by_postgresql";' in grants
