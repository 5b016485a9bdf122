"""The process: the gateway behind our control endpoint, threaded, on loopback."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from opsportal.core import clock
from opsportal.local.aws.authority import TOPIC, Authority
from opsportal.local.aws.catalogue import ACCOUNT
from opsportal.local.aws.faults import DEFAULT_MINUTES
from opsportal.local.aws.gateway import Gateway, StartResponse
from opsportal.local.aws.outgoing import Outgoing
from opsportal.local.aws.world import UnknownFaultError, World, fault_from_row

CONTROL: Final = "/opsportal-sim/"
LOOPBACK: Final = "127.0.0.1"
_LARGEST_BODY: Final = 1_000_000


class _Handler(WSGIRequestHandler):
    """Keeps the connection of a client open and stays silent: the collector makes many calls."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Application:
    """Answers `/opsportal-sim/…` itself and gives everything else to the gateway.

    GET state · GET health/<platform>: 503 while its service is down · POST fault {name, minutes?, platform?} ·
    GET sns/<name>.pem: the certificates that SNS messages are signed under · GET sns/confirm?TopicArn=…&Token=…: SNS's
    own ConfirmSubscription · POST links {name: path} ·
    POST heal · POST overlays [{name, platform, starts_at, ends_at}] · POST trouble {mode, account?}, mode "" for none.
    Only `manage.py demo`, the demo panel and the fault trials call these; the portal's own probes ask for health, as
    they would ask the shop itself.
    """

    def __init__(self, world: World, portal: str = "") -> None:
        self.world = world
        self._gateway = Gateway(world)
        self._authority = Authority()
        self.outgoing = Outgoing(world, self._gateway.book, self._authority, portal)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CONTROL):
            return self._gateway(environ, start_response)
        try:
            status, answer = self._control(environ, path.removeprefix(CONTROL).strip("/"))
        except (UnknownFaultError, ValueError, KeyError, TypeError) as error:
            status, answer = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = "application/x-pem-file" if isinstance(answer, bytes) else "application/json"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _control(self, environ: Mapping[str, Any], verb: str) -> tuple[HTTPStatus, Any]:
        if environ["REQUEST_METHOD"] == "GET":
            return self._get(verb, str(environ.get("QUERY_STRING", "")), clock.now())
        if environ["REQUEST_METHOD"] == "POST":
            return self._post(verb, _body(environ), clock.now())
        return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "GET or POST"}

    def _get(self, verb: str, query: str, now: datetime) -> tuple[HTTPStatus, Any]:
        pem = self._authority.pems.get(verb.removeprefix("sns/"))
        if pem is not None:
            return HTTPStatus.OK, pem
        if verb == "state":
            return HTTPStatus.OK, self.world.describe(now)
        if verb.startswith("health/"):
            return self._health(verb.removeprefix("health/"), now)
        if verb == "sns/confirm":
            return self._confirm(dict(parse_qsl(query)))
        return HTTPStatus.NOT_FOUND, {"error": f"no {verb} here"}

    def _post(self, verb: str, body: Any, now: datetime) -> tuple[HTTPStatus, Any]:
        if verb == "fault":
            minutes = int(body.get("minutes") or DEFAULT_MINUTES)
            self.world.start_fault(str(body["name"]), at=now, minutes=minutes, platform=body.get("platform"))
        elif verb == "heal":
            self.world.heal(at=now)
        elif verb == "overlays":
            self.world.add_faults([fault_from_row(row) for row in body])
        elif verb == "links":
            self.world.set_links({str(name): str(path) for name, path in body.items()})
        elif verb == "trouble":
            self._gateway.troubles.set(str(body.get("account") or ACCOUNT), str(body["mode"]))
        else:
            return HTTPStatus.NOT_FOUND, {"error": f"no {verb} here"}
        return HTTPStatus.OK, self.world.describe(now)

    def _confirm(self, asked: Mapping[str, str]) -> tuple[HTTPStatus, Any]:
        if not self.outgoing.confirm(asked.get("TopicArn", ""), asked.get("Token", "")):
            return HTTPStatus.BAD_REQUEST, {"error": "Invalid token"}
        answer = "<SubscriptionArn>{}:{}</SubscriptionArn>".format(TOPIC, "01234567-0123-0123-0123-012345678901")
        return HTTPStatus.OK, f"<ConfirmSubscriptionResponse>{answer}</ConfirmSubscriptionResponse>".encode()

    def _health(self, platform: str, at: datetime) -> tuple[HTTPStatus, Any]:
        active = self.world.describe(at)["active"]
        is_down = any(row["name"] == "service-down" and row["platform"] == platform for row in active)
        if is_down:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "down", "platform": platform}
        return HTTPStatus.OK, {"status": "ok", "platform": platform}


def _body(environ: Mapping[str, Any]) -> Any:
    length = min(int(environ.get("CONTENT_LENGTH") or 0), _LARGEST_BODY)
    return json.loads(environ["wsgi.input"].read(length) or b"{}")


def build_server(world: World, port: int, *, portal: str = "") -> BaseWSGIServer:
    """Return the bound server, not yet serving; port 0 takes a free one. It sends to the portal where one is named."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application = Application(world, portal)
    server = make_server(LOOPBACK, port, application, threaded=True, request_handler=_Handler)
    if portal:
        application.outgoing.start()
    return server
