"""allauth's mails go the portal's own way: through the outbox, so that a dead mail server never holds up a request."""

from typing import Any
from uuid import uuid4

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.notifications.services import mail_enqueue


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Named in settings as ACCOUNT_ADAPTER."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People come by invitation."""
        del request
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Render allauth's mail and put it into the outbox."""
        message = self.render_mail(template_prefix, email, context)
        user = context.get("user")
        mail_enqueue(
            key=f"account:{uuid4()}",
            kind=f"accounts.{template_prefix.rsplit('/', 1)[-1]}",
            target=email,
            subject=message.subject,
            body=message.body,
            at=clock.now(),
            user_id=user.pk if isinstance(user, User) else None,
        )
