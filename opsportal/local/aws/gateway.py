"""Where our answers meet moto: its parsers for the way in and its serialisers for the way out.

These are private parts of the pinned moto, and the contract test walks every operation through them.
An operation that is not in our table goes on to moto itself, which is imported only then.
"""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Final
from uuid import uuid4

import orjson
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from opsportal.local.aws import identity
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.calls import AnswerError, MetricAnswer, make_call
from opsportal.local.aws.operations import operations
from opsportal.local.aws.trouble import Troubles
from opsportal.local.aws.world import World

_SCOPE: Final = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
# What a request is signed for, and what boto3 calls that service.
_SERVICES: Final = {
    "acm": "acm",
    "backup": "backup",
    "ce": "ce",
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "pi": "pi",
    "rds": "rds",
    "route53": "route53",
    "sts": "sts",
    "xray": "xray",
    "tagging": "resourcegroupstaggingapi",
}

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]


class Gateway:
    """A WSGI application that answers what is in our table and hands everything else to moto."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.troubles = Troubles()
        self.book = AlarmBook(world)
        self._table = operations(self.book)
        self._moto: Any = None
        self._lock = Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = _SERVICES.get(scope[3]) if scope else None
        if scope is None or service is None:
            return self._pass_on(environ, start_response)
        request, model = Request(environ), get_service_model(service)
        name, labels = _operation(request, service)
        if name is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._pass_on(environ, start_response)
        status, headers, answer = self._answer(request, model.operation_model(name), labels, scope[1], scope[2])
        if answer is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._pass_on(environ, start_response)
        headers = {**headers, "x-amzn-requestid": str(uuid4()), "content-length": str(len(answer))}
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", list(headers.items()))
        return [answer]

    def _answer(
        self, request: Request, operation: OperationModel, labels: dict[str, Any], access_key: str, region: str
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        """Return status, headers and body; no body for an operation that is moto's."""
        service = operation.service_model.service_name
        try:
            if service != "sts":
                self.troubles.before(identity.account_of(access_key), f"{service}:{operation.name}")
            identity.check_allowed(access_key, service, operation.name)
            handler = self._table.get((service, operation.name))
            if handler is None:
                return 0, {}, None
            account = identity.account_of(access_key)
            call = make_call(self._world, account, region, _parameters(request, operation, labels))
            found: Any = handler(call)
            if isinstance(found, MetricAnswer):
                found = self.troubles.bend(account, call.params, found)
        except AnswerError as error:
            found = _exception(service, error.code, error.message)
        except Exception:  # noqa: BLE001  AWS answers 500 for a fault of its own; our log has to say which
            traceback.print_exc(file=sys.stderr)
            found = _exception(service, "InternalFailure", "The simulator failed; its log says why.")
        if isinstance(found, MetricAnswer):
            return 200, {"content-type": request.content_type or ""}, _columns(found)
        return _serialized(request, operation, found)

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._moto is None:
                # Half of moto is imported here, which takes seconds that a start should not wait for.
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._moto = DomainDispatcherApplication(create_backend_app)
        found: Iterable[bytes] = self._moto(environ, start_response)
        return found


def _operation(request: Request, service: str) -> tuple[str | None, dict[str, Any]]:
    """Return the operation asked for and the labels in its path; None when it is none of that service."""
    target = request.headers.get("X-Amz-Target")
    name = target.rpartition(".")[2] if target else request.values.get("Action")
    if name:
        return (name if name in get_service_model(service).operation_names else None), {}
    try:
        operation, labels = _router(service).match(request)
    except (NotFound, NotImplementedError):
        return None, {}
    return operation.name, labels


@cache
def _router(service: str) -> Any:
    return get_service_router(service)


def _parameters(request: Request, operation: OperationModel, labels: dict[str, Any]) -> Mapping[str, Any]:
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    parsed: Mapping[str, Any] = (
        PROTOCOL_PARSERS[protocol](operation, map_type=dict).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": labels,
            }
        )
        or {}
    )
    return parsed


def _serialized(request: Request, operation: OperationModel, found: Any) -> tuple[int, Mapping[str, str], bytes]:
    model: ServiceModel = operation.service_model
    protocol = determine_request_protocol(model, request.content_type)
    serializer = get_serializer_class(model.service_name, protocol)(
        operation_model=operation, pretty_print=False, value_picker=XFormedAttributePicker()
    )
    answer = serializer.serialize(found)
    body = answer["body"]
    return answer["status_code"], answer["headers"], body.encode() if isinstance(body, str) else body


def _exception(service: str, code: str, message: str) -> ServiceException:
    """Return the error as moto's serialiser wants it: it reads the service from the name of the module."""
    kind: type[ServiceException] = type(
        "SimulatedError", (ServiceException,), {"__module__": f"moto.{service}.exceptions"}
    )
    return kind(code, message)


def _columns(answer: MetricAnswer) -> bytes:
    """Write the answer of GetMetricData straight as JSON: moto's serialiser takes thirty times as long."""
    rows = [
        {
            "Id": column.identity,
            "Label": column.label,
            "Timestamps": column.times,
            "Values": column.values,
            "StatusCode": column.status,
        }
        for column in answer.results
    ]
    document: dict[str, Any] = {"MetricDataResults": rows}
    if answer.next_token:
        document["NextToken"] = answer.next_token
    return orjson.dumps(document)
