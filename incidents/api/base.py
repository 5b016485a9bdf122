"""What the views of the incidents API share."""

from typing import Final

from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response

from incidents import selectors
from incidents.errors import CommandTakenError, IncidentError, UnknownNameError
from incidents.models import Incident
from opsportal.core.api import ApiView, ConflictError, UnprocessableError
from opsportal.core.gate import authorize

VIEW: Final = "incidents.incident_view"


def refusal(error: IncidentError) -> APIException:
    """A refusal of this room as the API answers it."""
    if isinstance(error, UnknownNameError):
        return ValidationError({error.field: [str(error)]})
    return ConflictError(str(error)) if isinstance(error, CommandTakenError) else UnprocessableError(str(error))


class IncidentApiView(ApiView):
    """Loads the incident of the address, as far as the caller may know it; answers what a service refuses."""

    def load(self, number: int, action: str) -> Incident:
        incident = selectors.incident_by_number(self.actor, number)
        authorize(self.actor, action, incident)
        return incident

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(refusal(exc) if isinstance(exc, IncidentError) else exc)
