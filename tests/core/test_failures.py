"""What a failure shows: a busy database is not a lost one, and a lost race shows no secrets."""

import psycopg
import pytest
from django import forms
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, QueryDict
from django.test import RequestFactory

from opsportal.accounts.models import User
from opsportal.core.conflicts import differences
from opsportal.core.forms import CleanForm
from opsportal.core.middleware import ErrorPagesMiddleware
from opsportal.core.refusals import ConflictingError, RefusedError
from opsportal.core.views import errors
from tests.conftest import client_of


def _answer(error: Exception, path: str = "/") -> HttpResponse | None:
    middleware = ErrorPagesMiddleware(lambda _request: HttpResponse())
    return middleware.process_exception(RequestFactory().get(path), error)


def _with_cause(cause: Exception) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("cause", [psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable,
                                   psycopg.errors.QueryCanceled])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/v1/me/"])
def test_a_deadlock_or_timeout_asks_to_try_again(cause: type[Exception], path: str) -> None:
    answer = _answer(_with_cause(cause("x")), path)
    assert answer is not None
    assert answer.status_code == 503
    assert b"busy" in answer.content
    assert b"does not answer" not in answer.content


@pytest.mark.parametrize(
    "error", [InterfaceError("closed"), _with_cause(psycopg.OperationalError("refused")),
              _with_cause(psycopg.errors.AdminShutdown("x"))]
)  # fmt: skip
def test_a_lost_connection_says_so(error: Exception) -> None:
    answer = _answer(error)
    assert answer is not None
    assert answer.status_code == 503
    assert b"does not answer" in answer.content


def test_another_operational_error_is_the_portals_own() -> None:
    assert _answer(_with_cause(psycopg.errors.SystemError("x"))) is None


def test_the_merge_page_shows_no_secret_and_no_column_a_form_cannot_offer(viewer: User) -> None:
    class Form(CleanForm):
        name = password = secret_hmac = memberships = forms.CharField()

    posted = QueryDict("password=x&version=3&id=9&name=Vera&secret_hmac=y&memberships=1")
    assert Form(posted).is_valid()
    shown = {row.name: row.theirs for row in differences(viewer, posted)}
    assert shown["name"] == viewer.name
    assert "password" not in shown
    assert "secret_hmac" not in shown
    assert shown["memberships"] == ""


def test_a_form_that_is_too_old_gives_its_own_text_back_but_no_secret_and_nobody_elses(viewer: User) -> None:
    client = client_of(viewer, csrf=True)
    posted = {"body": "The pool was too small for it.", "version": "3"}
    posted |= dict.fromkeys(("password", "oldpassword", "new_password"), "correct horse battery staple")
    own = client.post("/learnings/", posted, headers={"Origin": "http://testserver"})
    page = own.content.decode()
    assert own.status_code == 403
    assert "The pool was too small for it." in page
    assert "What you typed is below." in page
    assert "horse battery" not in page
    foreign = client.post("/learnings/", posted, headers={"Origin": "https://elsewhere.example"}).content.decode()
    assert "came from elsewhere" in foreign
    assert "The pool" not in foreign
    empty = client.post("/learnings/", {"body": "x"}, headers={"Origin": "http://testserver"}).content.decode()
    assert "is below" not in empty
    assert "kept in this browser" not in empty


@pytest.mark.parametrize("name", ["500", "503", "busy"])
def test_the_last_pages_share_one_frame_and_read_nothing_when_they_are_needed(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def broken(*_args: object, **_values: object) -> None:
        raise AssertionError("nothing may be read now")

    monkeypatch.setattr("pathlib.Path.open", broken)
    monkeypatch.setattr("jinja2.Environment.get_template", broken)
    request = rf.get("/")
    page = {"500": errors.server_error, "503": errors.database_gone, "busy": errors.database_busy}[name](request)
    body = page.content.decode()
    assert page.status_code == (500 if name == "500" else 503)
    assert body.startswith("<!doctype html>")
    assert body.count("<h1>") == 1
    assert f"Answer {page.status_code}" in body
    assert "{" not in body


@pytest.mark.parametrize("error, status", [(RefusedError, 422), (ConflictingError, 409)])
@pytest.mark.parametrize("path", ["/monitoring/probes/", "/api/v1/probes/"])
def test_what_a_service_refuses_is_answered_with_its_sentence(
    viewer: User, monkeypatch: pytest.MonkeyPatch, path: str, error: type[Exception], status: int
) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise error("No such day exists.")

    for module in ("monitoring.views.probes", "monitoring.api.probes"):
        monkeypatch.setattr(f"{module}.probe_page", refuse)
    answer = client_of(viewer).get(path)
    assert answer.status_code == status
    assert "No such day exists." in answer.content.decode()
