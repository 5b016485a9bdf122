"""API callers: a bearer token, or the session of the browser (then with CSRF)."""

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from opsportal.accounts.actors import token_actor
from opsportal.accounts.models import User
from opsportal.accounts.services.tokens import token_find
from opsportal.core.api_request import plain_request
from opsportal.core.shell import request_actor


class ActorAuthentication(BaseAuthentication):
    """Sets the actor of `Authorization: Bearer ops_<id>_<secret>`; else the session's person stays."""

    def authenticate(self, request: Request) -> tuple[User, object | None] | None:
        raw: Any = plain_request(request)
        header = request.headers.get("Authorization", "")
        if header:
            scheme, _, text = header.partition(" ")
            token = token_find(text=text.strip()) if scheme.lower() == "bearer" else None
            if token is None:
                raise exceptions.AuthenticationFailed("This token is unknown, expired or revoked.")
            raw.actor = token_actor(token, raw)
            return token.user, token
        user = raw.user
        if request_actor(raw).kind != "user":
            return None
        self._enforce_csrf(raw)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        del request
        return "Bearer"

    @staticmethod
    def _enforce_csrf(request: HttpRequest) -> None:
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        check.process_request(request)
        reason = check.process_view(request, None, (), {})  # type: ignore[arg-type]
        if reason:
            raise exceptions.PermissionDenied("CSRF: send the X-CSRFToken header, or use a token.")


class ActorScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells OpenAPI of the bearer token."""

    target_class = "opsportal.accounts.api.authentication.ActorAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        del auto_schema
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ops_<id>_<secret>"}
