"""The test kit keeps its own promises."""

import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from opsportal.accounts.models import User
from opsportal.core.models import IdempotencyKey
from opsportal.platforms.models import Platform


def test_code_runs_as_the_app_role(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        assert cursor.fetchone() == ("ops_app", "ops_app") or connection.settings_dict["USER"] != "ops_owner"


@pytest.mark.django_db(transaction=True)
def test_app_role_may_not_truncate(platform: Platform) -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute(f'TRUNCATE "{Platform._meta.db_table}" CASCADE')


@pytest.mark.django_db(transaction=True)
def test_transactional_test_starts_empty() -> None:
    assert not User.objects.exists()
    assert not IdempotencyKey.objects.exists()
