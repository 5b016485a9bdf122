"""`/api/v1/platforms/…`: the platform and the rows of its policy."""

from collections.abc import Mapping
from typing import ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core import clock
from opsportal.core.api import PAGING, ApiView, expected_version, page_response, page_size, row_response, sent
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent
from opsportal.core.models import VersionedModel
from opsportal.core.pagination import keyset_page
from opsportal.platforms.api.serializers import SERIALIZERS, PlatformSerializer
from opsportal.platforms.kinds import KINDS, Kind
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import readable_platforms
from opsportal.platforms.services.platforms import (
    platform_create,
    row_create,
    row_delete,
    row_save,
)

VIEW, EDIT = "platforms.platform_view", "platforms.platform_edit"


class PlatformApiView(ApiView):
    """Loads the platform of the address, as far as the caller may know it."""

    def load(self, key: str, action: str) -> Platform:
        return permitted(self.actor, action, readable_platforms(self.actor), key=key)


class PlatformListView(PlatformApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "POST": "platforms.platform_create"}
    serializer_class = PlatformSerializer

    @extend_schema(operation_id="platforms_list", parameters=PAGING, responses=PlatformSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The platforms the caller may see, by name."""
        page = keyset_page(
            readable_platforms(self.actor),
            order=("name", "pk"),
            cursor=request.query_params.get("cursor"),
            size=page_size(request),
        )
        return page_response(page, PlatformSerializer)

    @extend_schema(operation_id="platforms_create")
    @idempotent
    def post(self, request: Request) -> Response:
        """An empty platform."""
        platform = platform_create(by=self.actor, at=clock.now(), **sent(request, PlatformSerializer))
        return row_response(platform, PlatformSerializer(platform), status=201)


class PlatformDetailView(PlatformApiView):
    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": EDIT}
    serializer_class = PlatformSerializer

    @extend_schema(operation_id="platforms_read")
    def get(self, request: Request, key: str) -> Response:
        """One platform, with its ETag."""
        del request
        platform = self.load(key, VIEW)
        return row_response(platform, PlatformSerializer(platform))

    @extend_schema(operation_id="platforms_update")
    @idempotent
    def patch(self, request: Request, key: str) -> Response:
        """Change name or description; needs `If-Match`."""
        platform = self.load(key, EDIT)
        expected = expected_version(request, platform)
        said = sent(request, PlatformSerializer, instance=platform, partial=True)
        values = {name: value for name, value in said.items() if name != "key"}
        row_save(by=self.actor, at=clock.now(), platform=platform, row=platform, expected=expected, values=values)
        return row_response(platform, PlatformSerializer(platform))


class RowListView(PlatformApiView):
    """The rows of one kind; `kind` is set by each concrete view."""

    actions: Mapping[str, str] = {"GET": VIEW, "POST": EDIT}
    kind: ClassVar[Kind]

    def get(self, request: Request, key: str) -> Response:
        platform = self.load(key, VIEW)
        page = keyset_page(
            self.kind.rows(platform), order=("pk",), cursor=request.query_params.get("cursor"), size=page_size(request)
        )
        return page_response(page, SERIALIZERS[self.kind.slug])

    @idempotent
    def post(self, request: Request, key: str) -> Response:
        platform = self.load(key, EDIT)
        said = sent(request, SERIALIZERS[self.kind.slug], context={"platform": platform})
        row = self.kind.new_row(platform, said)
        row_create(by=self.actor, at=clock.now(), platform=platform, row=row)
        return row_response(row, SERIALIZERS[self.kind.slug](row), status=201)


class RowDetailView(PlatformApiView):
    """One row of one kind."""

    actions: Mapping[str, str] = {"GET": VIEW, "PATCH": EDIT, "DELETE": EDIT}
    kind: ClassVar[Kind]

    def _row(self, platform: Platform, pk: int) -> VersionedModel:
        row: VersionedModel | None = self.kind.rows(platform).filter(pk=pk).first()
        if row is None:
            raise NotFound
        return row

    def get(self, request: Request, key: str, pk: int) -> Response:
        del request
        row = self._row(self.load(key, VIEW), pk)
        return row_response(row, SERIALIZERS[self.kind.slug](row))

    @idempotent
    def patch(self, request: Request, key: str, pk: int) -> Response:
        platform = self.load(key, EDIT)
        row = self._row(platform, pk)
        expected = expected_version(request, row)
        how = {"instance": row, "partial": True, "context": {"platform": platform}}
        values = sent(request, SERIALIZERS[self.kind.slug], **how)
        row_save(by=self.actor, at=clock.now(), platform=platform, row=row, expected=expected, values=values)
        return row_response(row, SERIALIZERS[self.kind.slug](row))

    @idempotent
    def delete(self, request: Request, key: str, pk: int) -> Response:
        platform = self.load(key, EDIT)
        row = self._row(platform, pk)
        row_delete(by=self.actor, at=clock.now(), platform=platform, row=row, expected=expected_version(request, row))
        return Response(status=204)


def _concrete(base: type[ApiView], kind: Kind, verbs: dict[str, str]) -> type[ApiView]:
    """A view class for one kind, so that the schema names each operation and its fields."""
    serializer = SERIALIZERS[kind.slug]
    made: type[ApiView] = type(
        f"{kind.model.__name__}{base.__name__}", (base,), {"kind": kind, "serializer_class": serializer}
    )
    schemas = {}
    for method, operation in verbs.items():
        many = operation.endswith("_list")
        schemas[method] = extend_schema(
            operation_id=operation,
            summary=f"{method.upper()} {kind.plural.lower() if many else kind.noun}",
            request=serializer if method in ("post", "patch") else None,
            parameters=PAGING if many else None,
            responses={204: None} if method == "delete" else serializer(many=many),
        )
    return extend_schema_view(**schemas)(made)


def row_views(slug: str) -> tuple[type[ApiView], type[ApiView]]:
    """The list and the detail view of one kind."""
    name = slug.replace("-", "_")
    return (
        _concrete(RowListView, KINDS[slug], {"get": f"{name}_list", "post": f"{name}_create"}),
        _concrete(
            RowDetailView,
            KINDS[slug],
            {"get": f"{name}_read", "patch": f"{name}_update", "delete": f"{name}_delete"},
        ),
    )
