"""One row that people write, as the API reads and changes it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.core.api import ApiView, SerializerClass, expected_version, row_response, sent
from opsportal.core.gate import permitted
from opsportal.core.idempotency import idempotent


class RowView(ApiView):
    """Read one row, or change what is sent of it.

    A class names the serializer that `tells` the row, the one that `takes` a change, and what changing it `means`.
    """

    tells: ClassVar[SerializerClass]
    takes: ClassVar[SerializerClass]

    def __init_subclass__(cls, *, tells: SerializerClass, takes: SerializerClass, means: str) -> None:
        super().__init_subclass__()
        cls.tells, cls.takes = tells, takes
        change = extend_schema(description=f"{means}; needs `If-Match`.", request=takes, responses=tells)
        extend_schema_view(get=extend_schema(responses=tells), patch=change)(cls)

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Those that the caller may know."""

    @abstractmethod
    def change(self, row: Any, expected: int, said: Mapping[str, Any]) -> None:
        """Carry out what was sent; what it left out stays as it is."""

    def found(self, pk: int, action: str) -> Any:
        """The row of the address, for `action`. Raises HiddenError, DeniedError."""
        return permitted(self.actor, action, self.rows(), pk=pk)

    def get(self, _request: Request, pk: int) -> Response:
        row = self.found(pk, self.actions["GET"])
        return row_response(row, self.tells(row))

    @idempotent
    def patch(self, request: Request, pk: int) -> Response:
        row = self.found(pk, self.actions["PATCH"])
        self.change(row, expected_version(request, row), sent(request, self.takes))
        fresh = self.found(pk, self.actions["PATCH"])
        return row_response(fresh, self.tells(fresh))
