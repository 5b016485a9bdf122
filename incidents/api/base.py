"""What the views of the incidents API share."""

from typing import Final

from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from incidents import selectors
from incidents.errors import UnknownNameError
from incidents.models import Incident
from opsportal.core.api import ApiView
from opsportal.core.gate import authorize

VIEW: Final = "incidents.incident_view"


class IncidentApiView(ApiView):
    """Loads the incident of the address, as far as the caller may know it; a name of nothing is its field's fault."""

    def load(self, number: int, action: str) -> Incident:
        incident = selectors.incident_by_number(self.actor, number)
        authorize(self.actor, action, incident)
        return incident

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, UnknownNameError):
            exc = ValidationError({exc.field: [str(exc)]})
        return super().handle_exception(exc)
