"""Who am I, the schema, and the page that shows it without a CDN."""

import html
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from markupsafe import Markup
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.accounts.services.tokens import scopes_of
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.api import ApiView
from opsportal.core.htmx import render_page


class MeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["user", "token"])
    name = serializers.CharField()
    user_id = serializers.IntegerField()
    is_portal_admin = serializers.BooleanField()
    roles = serializers.DictField(child=serializers.CharField(), help_text="platform id -> role")
    scopes = serializers.ListField(child=serializers.CharField())


class MeView(ApiView):
    actions: Mapping[str, str] = {"GET": "accounts.self_view"}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The caller, its roles, and the scopes it has or could hand to a token."""
        del request
        actor = self.actor
        me = {
            "kind": actor.kind,
            "name": actor.name,
            "user_id": actor.user_id,
            "is_portal_admin": actor.is_portal_admin,
            "roles": {str(pk): role for pk, role in actor.roles.items()},
            "scopes": sorted(actor.scopes) if actor.kind == "token" else scopes_of(actor),
        }
        return Response(MeSerializer(me).data)


class IndexSerializer(serializers.Serializer[Any]):
    docs = serializers.URLField(help_text="a page to read")
    schema = serializers.URLField(help_text="OpenAPI 3.1")
    me = serializers.URLField(help_text="who this caller is")


class IndexView(ApiView):
    actions: Mapping[str, str] = {"GET": "core.api_schema"}

    @extend_schema(operation_id="index", responses=IndexSerializer)
    def get(self, request: Request) -> Response:
        """Where to go on from here."""
        names = {"docs": "accounts:api-docs", "schema": "api-schema", "me": "api-me"}
        urls = {key: request.build_absolute_uri(reverse(name)) for key, name in names.items()}
        return Response(IndexSerializer(urls).data)


@cache
def _schema() -> dict[str, Any]:
    """OpenAPI of all that anybody may call: a second's work, and the routes do not change while a process runs."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


class _KeptSchema(SchemaGenerator):
    def get_schema(self, request: Request | None = None, public: bool = False) -> dict[str, Any]:  # noqa: ARG002 - drf_spectacular's own signature
        return _schema()


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1 of everything below /api/v1/."""

    generator_class = _KeptSchema
    actions: Mapping[str, str] = {"GET": "core.api_schema"}
    authentication_classes = ApiView.authentication_classes
    permission_classes = ApiView.permission_classes


def _sent(part: dict[str, Any]) -> dict[str, Any]:
    """What a caller sends: the schema without what only answers carry."""
    fields = {name: one for name, one in part.get("properties", {}).items() if not one.get("readOnly")}
    required = [name for name in part.get("required", ()) if name in fields]
    return {**part, "properties": fields, "required": required}


def _as_text(part: dict[str, Any]) -> Markup:
    # Quotes need no escape between tags, and as entities they were a third of the page.
    return Markup(html.escape(json.dumps(part, indent=1, ensure_ascii=False), quote=False))  # noqa: S704 - escaped here


@cache
def _operations() -> list[dict[str, Any]]:
    """Every operation of the schema, flat, as the page shows it."""
    schema = _schema()
    parts = schema.get("components", {}).get("schemas", {})
    found = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = str(body.get("$ref", "")).rpartition("/")[2]
            found.append(
                {
                    "id": operation["operationId"],
                    "path": path,
                    "method": method.upper(),
                    "summary": operation.get("summary", ""),
                    "text": operation.get("description", ""),
                    "body": _as_text(_sent(parts[name])) if name in parts else "",
                    "answers": ", ".join(operation.get("responses", {})),
                }
            )
    return found


@require_action("core.api_docs")
def docs(request: AuthorizedRequest) -> HttpResponse:
    return render_page(request, "accounts/api_docs.html", {"operations": _operations()})
