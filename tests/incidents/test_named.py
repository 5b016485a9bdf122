"""What people name by a word: one answer, or a sentence that says what it could be."""

import pytest

from incidents.errors import UnknownNameError
from incidents.selectors import detail, members_of
from incidents.selectors.named import person_named
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.accounts import UserFactory
from tests.factories.platforms import MembershipFactory

pytestmark = pytest.mark.django_db


def test_an_address_is_found_whatever_its_letters(platform: Platform, operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(email="Zoë.Operator@example.org")
    assert person_named(platform.pk, "zoë.op") == operator.pk
    assert person_named(platform.pk, "ZOË.OPERATOR@example.org") == operator.pk


def test_a_word_that_could_be_several_people_names_them(platform: Platform) -> None:
    for n in range(7):
        MembershipFactory(platform=platform, user=UserFactory(name=f"Mia {n}", email=f"mia{n}@example.org"))
    with pytest.raises(UnknownNameError) as refused:
        person_named(platform.pk, "mia")
    said = str(refused.value)
    assert "Mia 0 (mia0@example.org), Mia 1" in said
    assert "or 2 more; write more of the name" in said


def test_a_list_of_members_has_an_end(
    platform: Platform, operator: User, commander: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {operator.pk, commander.pk} <= dict(members_of(platform.pk)).keys()
    monkeypatch.setattr(detail, "MOST_MEMBERS", 1)
    assert len(members_of(platform.pk)) == 1
