"""People and tokens."""

from dataclasses import dataclass
from datetime import timedelta

import factory
from factory.django import DjangoModelFactory

from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import ApiToken, User
from opsportal.accounts.services.tokens import scopes_of, token_create
from opsportal.core.clock import real_now

PASSWORD = "correct horse battery staple"


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: type[User], *_args: object, **kwargs: object) -> User:
        password = str(kwargs.pop("password", PASSWORD))
        user = model_class(**kwargs)
        user.set_password(password)
        user.save()
        return user


@dataclass(frozen=True)
class TokenPersona:
    """A token with the text that its owner saw once."""

    token: ApiToken
    text: str

    @property
    def user(self) -> User:
        return self.token.user


def token_persona(user: User, *scopes: str) -> TokenPersona:
    """A token of `user`, with every scope the user may hand out unless some are named."""
    actor = user_actor(user)
    now = real_now()
    token, text = token_create(
        by=actor, at=now, name="robot", scopes=scopes or scopes_of(actor), expires_at=now + timedelta(days=30)
    )
    return TokenPersona(token, text)
