"""Outbound HTTP: public addresses only, checked at the connect; one deadline; no redirect; 64 KB."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from opsportal.targets.addresses import BlockedAddressError, is_allowed, require_allowed, require_allowed_socket
from opsportal.targets.http import MAX_BYTES, TargetError, fetch

INWARD = [
    "127.0.0.1",
    "127.1.2.3",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "::127.0.0.1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", INWARD)
def test_an_inward_address_is_refused(text: str) -> None:
    with pytest.raises(BlockedAddressError):
        require_allowed(text, "webhook")


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_allowed(text: str) -> None:
    require_allowed(text, "webhook")


def test_a_purpose_opens_its_own_networks_and_no_others(settings: Any) -> None:
    settings.TARGET_NETWORKS = {"database": ["10.1.0.0/16", "fd00::/8"]}
    assert is_allowed(ipaddress.ip_address("10.1.2.3"), "database")
    assert is_allowed(ipaddress.ip_address("::ffff:10.1.2.3"), "database")
    assert is_allowed(ipaddress.ip_address("fd00::1"), "database")
    assert not is_allowed(ipaddress.ip_address("10.2.0.1"), "database")
    assert not is_allowed(ipaddress.ip_address("10.1.2.3"), "webhook")


def test_a_socket_must_lie_in_an_opened_folder(settings: Any, tmp_path: Any) -> None:
    settings.TARGET_SOCKETS = {"database": [str(tmp_path)]}
    require_allowed_socket(str(tmp_path / "s"), "database")
    for path in (str(tmp_path / ".." / "s"), "/var/run/postgresql"):
        with pytest.raises(BlockedAddressError):
            require_allowed_socket(path, "database")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/secret")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow":
            for _ in range(50):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.2)
            return
        size = 3 * MAX_BYTES if self.path == "/big" else 5
        self.wfile.write(b"x" * size)

    do_POST = do_GET  # noqa: N815 - the server's name for it

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def canary() -> Iterator[ThreadingHTTPServer]:
    """A server on the loopback; `seen` lists every request that reached it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.seen = []  # type: ignore[attr-defined]
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_loopback(settings: Any) -> None:
    settings.TARGET_NETWORKS = {"webhook": ["127.0.0.0/8"]}


def address(server: ThreadingHTTPServer, path: str = "/", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}{path}"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0", "[::1]"]
)
def test_no_byte_reaches_the_loopback(canary: ThreadingHTTPServer, host: str) -> None:
    with pytest.raises((BlockedAddressError, TargetError)):
        fetch(purpose="webhook", url=address(canary, host=host))
    assert canary.seen == []  # type: ignore[attr-defined]


@pytest.mark.usefixtures("open_loopback")
def test_an_answer_comes_back_whole(canary: ThreadingHTTPServer) -> None:
    answer = fetch(purpose="webhook", method="POST", url=address(canary, "/hook"), body=b"{}", headers={"X-A": "b"})
    assert (answer.status, answer.body, answer.is_cut) == (200, b"xxxxx", False)


@pytest.mark.usefixtures("open_loopback")
def test_a_redirect_is_an_answer_and_is_not_followed(canary: ThreadingHTTPServer) -> None:
    answer = fetch(purpose="webhook", url=address(canary, "/away"))
    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/secret")


@pytest.mark.usefixtures("open_loopback")
def test_a_body_is_cut_at_64_kilobytes(canary: ThreadingHTTPServer) -> None:
    answer = fetch(purpose="webhook", url=address(canary, "/big"))
    assert (len(answer.body), answer.is_cut) == (MAX_BYTES, True)


@pytest.mark.usefixtures("open_loopback")
def test_a_trickle_ends_with_the_deadline(canary: ThreadingHTTPServer) -> None:
    started = time.monotonic()
    with pytest.raises(TargetError, match="No answer in time"):
        fetch(purpose="webhook", url=address(canary, "/slow"), seconds=0.7)
    assert time.monotonic() - started < 2


@pytest.mark.usefixtures("open_loopback")
def test_a_proxy_of_the_environment_is_not_used(canary: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch(purpose="webhook", url=address(canary)).status == 200


Resolver = Callable[..., list[Any]]


def resolving(*answers: list[str]) -> Resolver:
    """getaddrinfo that gives each answer in turn, the last one for ever: a name that is bound anew."""
    left = list(answers)

    def getaddrinfo(_host: str, port: int, **_options: object) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in found]

    return getaddrinfo


def test_a_name_that_is_bound_anew_gains_nothing(canary: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsportal.targets.connecting.socket.getaddrinfo", resolving(["127.0.0.1"], ["8.8.8.8"]))
    with pytest.raises(BlockedAddressError):
        fetch(purpose="webhook", url=address(canary, host="rebind.example"))
    assert canary.seen == []  # type: ignore[attr-defined]


def test_one_inward_address_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsportal.targets.connecting.socket.getaddrinfo", resolving(["8.8.8.8", "127.0.0.1"]))
    with pytest.raises(BlockedAddressError):
        fetch(purpose="webhook", url="http://mixed.example/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "file:///etc/passwd", "http://", "//a.example", "gopher://a.example", "http://u:p@a.example/",
        "http://a.example:99999/", "http://[::1", "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_for_good(url: str) -> None:
    with pytest.raises(TargetError) as caught:
        fetch(purpose="webhook", url=url)
    assert caught.value.is_permanent


@pytest.mark.parametrize(
    "url", ["http://a.example/\r\nX: y", "http://a.example/\x00", "http://\udc80.example/", "http://a b/"]
)
def test_a_damaged_address_is_an_error_and_never_a_crash(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsportal.targets.connecting.socket.getaddrinfo", resolving(["127.0.0.1"]))
    with pytest.raises((TargetError, BlockedAddressError)):
        fetch(purpose="webhook", url=url)
