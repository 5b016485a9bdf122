"""Settings: sources of outside alerts, their links, mapping, topics and tries."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.intake import (
    PreviewForm,
    SourceChangeForm,
    SourceForm,
    SourceNewForm,
    TopicForm,
    mapping_text,
)
from monitoring.intake import parsers
from monitoring.intake.alerts import ParseError
from monitoring.intake.mapping import MappingError, checked, rules_of
from monitoring.intake.samples import GENERIC_FIELDS, sample_of
from monitoring.intake.sns import RAW_HEADER
from monitoring.models import AlertSource, SnsTopic, SourceKind
from monitoring.selectors.intake import message_page, source_rows, verdict_kind
from monitoring.services.alert_sources import (
    AlertSourceError,
    source_add,
    source_change,
    source_rotate,
    source_test,
    topic_decide,
)
from monitoring.services.alerts import meanings_of
from monitoring.services.links import address_of
from monitoring.services.senders import secret_of
from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.platforms.models import Platform, Service
from opsportal.platforms.selectors import platform_for

VIEW, EDIT = "monitoring.alert_source_view", "monitoring.alert_source_edit"
_COLUMNS = ("name", "service", "severity", "opens_incident", "takes_raw", "enabled", "mapping")
_LAST = 10


def _load(request: AuthorizedRequest, pk: int, action: str) -> AlertSource:
    rows = AlertSource.objects.visible_to(request.actor).select_related("platform", "service", "severity")
    return permitted(request.actor, action, rows, pk=pk)


def link_of(source: AlertSource, key: str) -> str:
    """The address a source sends to."""
    return address_of("monitoring:alert-receive", source.kind, key)


def _values(form: SourceForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in _COLUMNS if name in form.cleaned_data}


@require_action(VIEW)
def alert_sources(request: AuthorizedRequest) -> HttpResponse:
    """Every source of the platforms this person administers."""
    platforms = Platform.objects.filter(pk__in=platforms_where(request.actor, VIEW)).order_by("name", "pk")
    context = {"rows": source_rows(request.actor, platforms, at=clock.now()), "platforms": platforms}
    return render_page(request, "monitoring/alert_source_list.html", context)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def alert_source_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Answers 200 with the link instead of redirecting: it is shown this once."""
    platform = platform_for(EDIT, request.actor, key)
    form, status = SourceNewForm(request.POST or None, platform=platform, kind=""), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            kind, values = form.cleaned_data["kind"], _values(form)
            if kind == SourceKind.GENERIC:
                values["mapping"] = {"fields": GENERIC_FIELDS}
            try:
                source, secret = source_add(
                    by=request.actor, at=clock.now(), platform=platform, kind=kind, values=values
                )
            except AlertSourceError as error:
                form.add_error(None, str(error))
            else:
                return _detail(request, source, link=link_of(source, secret))
    context = {"form": form, "platform": platform, "key": new_key()}
    return render_page(request, "monitoring/alert_source_new.html", context, status=status)


def _form_of(source: AlertSource) -> SourceChangeForm:
    initial = {name: getattr(source, name) for name in _COLUMNS} | {"mapping": mapping_text(source.mapping)}
    return SourceChangeForm(initial=initial, platform=source.platform, kind=source.kind)


def _detail(
    request: AuthorizedRequest,
    source: AlertSource,
    *,
    form: SourceChangeForm | None = None,
    link: str = "",
    preview: dict[str, Any] | None = None,
    sample: str = "",
    status: int = 200,
    fragment: str | None = None,
) -> HttpResponse:
    page = message_page(request.actor, platform_ids=[source.platform_id], source_id=source.pk, size=_LAST)
    context = {
        "source": source,
        "form": form or _form_of(source),
        "link": link,
        "secret": secret_of(source) if link else "",
        "address": link_of(source, "YOUR-KEY"),
        "version": request.POST.get("version", source.version) if status == 422 or preview else source.version,
        "topics": list(source.topics.select_related("decided_by").order_by("state", "arn", "pk")[:100]),
        "messages_page": page,
        "verdict_kind": verdict_kind,
        "sample": sample or sample_of(source.kind).decode(),
        "preview": preview,
        "key": new_key(),
        "at": clock.now(),
    }
    response = render_page(request, "monitoring/alert_source_detail.html", context, status=status, fragment=fragment)
    if link:
        response["Cache-Control"] = "no-store"
    return response


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def alert_source(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One source, and its change."""
    source = _load(request, pk, EDIT)
    if request.method != "POST":
        return _detail(request, source)
    form = SourceChangeForm(request.POST, platform=source.platform, kind=source.kind)
    if form.is_valid():
        try:
            source_change(
                by=request.actor,
                at=clock.now(),
                source=source,
                expected=form.cleaned_data["version"],
                values=_values(form),
            )
        except AlertSourceError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect_or_fragment(request, reverse("monitoring:alert-source", args=[pk]))
    return _detail(request, source, form=form, sample=request.POST.get("sample", ""), status=422)


@require_action(EDIT, methods=WRITE)
def alert_source_preview_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """What a message would be under a mapping that is not saved yet; nothing is kept."""
    source = _load(request, pk, EDIT)
    form = PreviewForm(request.POST)
    typed = SourceChangeForm(request.POST, platform=source.platform, kind=source.kind)
    if not form.is_valid():
        errors = [str(error) for found in form.errors.values() for error in found]
        preview = {"error": " ".join(errors), "rows": []}
    else:
        preview = _preview(source, form.cleaned_data["mapping"], form.cleaned_data["sample"])
    sample = request.POST.get("sample", "")
    return _detail(request, source, form=typed, preview=preview, sample=sample, fragment="preview")


def _preview(source: AlertSource, mapping: Any, sample: str) -> dict[str, Any]:
    if source.tells_of_deployments:
        return {"error": "This source tells of deployments and has no mapping: send a sample instead.", "rows": []}
    try:
        found = checked(mapping)
        headers = {RAW_HEADER: "true"} if source.kind == SourceKind.SNS and '"Signature"' not in sample else {}
        alerts = parsers.parse(source.kind, sample.encode(), headers, fields=found.get("fields", {}))
    except (MappingError, ParseError) as error:
        return {"error": str(error), "rows": []}
    meanings = meanings_of(source, alerts, rules_of(found))
    names = dict(Service.objects.filter(platform=source.platform_id).values_list("pk", "name"))
    rows = [
        {"alert": alert, "meaning": meanings[alert.fingerprint],
         "service": names.get(meanings[alert.fingerprint].service_id or 0, "")}
        for alert in alerts[:20]
    ]  # fmt: skip
    return {"error": "", "rows": rows, "total": len(alerts)}


def _version(request: AuthorizedRequest) -> int | None:
    form = VersionedForm(request.POST)
    if form.is_valid():
        version: int = form.cleaned_data["version"]
        return version
    messages.error(request, "The form was incomplete, nothing was done: look at the page again, then repeat it.")
    return None


@require_action(EDIT, methods=WRITE)
def source_rotate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A new link, shown this once."""
    source = _load(request, pk, EDIT)
    version = _version(request)
    if version is None:
        return _detail(request, source, status=422)
    key = source_rotate(by=request.actor, at=clock.now(), source=source, expected=version)
    return _detail(request, source, link=link_of(source, key))


@require_action(EDIT, methods=WRITE)
@idempotent
def source_test_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Put a sample among its messages."""
    source = _load(request, pk, EDIT)
    source_test(by=request.actor, at=clock.now(), source=source)
    messages.success(request, "A sample is among its messages; this page says what came of it.")
    return redirect_or_fragment(request, reverse("monitoring:alert-source", args=[pk]))


@require_action(EDIT, methods=WRITE)
@idempotent
def sns_topic_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Hear a topic that signed messages named, or refuse it."""
    rows = SnsTopic.objects.visible_to(request.actor).select_related("source")
    topic = permitted(request.actor, EDIT, rows, pk=pk)
    form = TopicForm({**request.POST.dict(), "topic": pk})
    if not form.is_valid():
        source = _load(request, topic.source_id, EDIT)
        messages.error(request, "The form was incomplete, nothing was decided: look at the page again.")
        return _detail(request, source, status=422)
    is_allowed = form.cleaned_data["decision"] == "allow"
    version = form.cleaned_data["version"]
    again = topic_decide(by=request.actor, at=clock.now(), topic=topic, expected=version, is_allowed=is_allowed)
    said = f"The topic is heard; {again} held messages are judged again." if is_allowed else "The topic is refused."
    messages.success(request, said)
    return redirect_or_fragment(request, reverse("monitoring:alert-source", args=[topic.source_id]))
