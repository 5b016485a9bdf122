"""Connect AWS: role, exact policy, and a check of the role call by call. No secret key is asked for or kept."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from monitoring.forms.accounts import AwsAccountEditForm, AwsAccountForm, AwsSourceForm
from monitoring.models import AwsAccount
from monitoring.selectors.polls import backfill_share
from monitoring.services.accounts import (
    AwsAccountError,
    account_check,
    account_connect,
    account_disconnect,
    account_put,
    backfill_start,
    new_external_id,
    source_put,
)
from opsportal.aws.acting import act_policy_json
from opsportal.aws.policy import OPERATIONS, policy_json, trust_policy_json
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import VersionedForm
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.platforms.models import Platform

PORTAL_PRINCIPAL = "arn:aws:iam::<the portal's account>:role/<the portal's role>"


def _context(form: AwsAccountForm, account: AwsAccount | None) -> dict[str, Any]:
    external_id = account.external_id if account else str(form["external_id"].value() or "")
    accounts = list(AwsAccount.objects.order_by("account_id", "pk"))
    permissions = {row.operation: row for row in account.permissions.all()} if account else {}
    verdicts = [row.verdict for row in permissions.values()]
    return {
        "form": form,
        "account": account,
        "accounts": accounts,
        "policy": policy_json(),
        "act_policy": act_policy_json(account_id=account.account_id if account else "<the account>"),
        "trust": trust_policy_json(portal_principal=PORTAL_PRINCIPAL, external_id=external_id),
        "operations": [(operation, permissions.get(operation.action)) for operation in OPERATIONS],
        "verdicts": {word: verdicts.count(word) for word in ("allowed", "denied", "could_not_check")},
        "platform_options": [(row.pk, row.name) for row in Platform.objects.order_by("name", "pk")],
        "region_options": [(name, name) for name in account.regions] if account else [],
        "account_views": [
            {
                "label": row.name,
                "href": reverse("monitoring:aws-account", args=[row.pk]),
                "current": account is not None and row.pk == account.pk,
            }
            for row in accounts
        ],
        "sources": list(account.sources.select_related("platform").order_by("platform__name")) if account else [],
        "backfills": [(job, backfill_share(job)) for job in account.backfills.order_by("-pk")[:4]] if account else [],
        "is_simulated": bool(settings.AWS_ENDPOINT_URL),
    }


@require_action("monitoring.aws_account_view")
def aws_accounts(request: AuthorizedRequest) -> HttpResponse:
    """The first account, or the form for one."""
    account = AwsAccount.objects.order_by("pk").first()
    form = AwsAccountForm(initial={"external_id": new_external_id(), "regions": "us-east-1"})
    if account is not None and "new" not in request.GET:
        return aws_page(request, account, None)
    return render_page(request, "monitoring/aws_account.html", _context(form, None))


def aws_page(
    request: AuthorizedRequest,
    account: AwsAccount,
    form: AwsAccountEditForm | None,
    *,
    source_form: AwsSourceForm | None = None,
) -> HttpResponse:
    """The page of one account; a form given is a refused one."""
    initial = {
        "role_arn": account.role_arn, "external_id": account.external_id, "name": account.name,
        "regions": " ".join(account.regions), "cost_cap_usd": account.cost_cap_usd, "version": account.version,
        "usd_per_metric": account.usd_per_metric, "usd_per_scanned_gb": account.usd_per_scanned_gb,
        "act_role_arn": account.act_role_arn,
    }  # fmt: skip
    shown = form or AwsAccountEditForm(initial=initial)
    context = _context(shown, account) | {"source_form": source_form or AwsSourceForm()}
    status = 422 if form or source_form else 200
    return render_page(request, "monitoring/aws_account.html", context, status=status)


@require_action("monitoring.aws_account_view")
def aws_account(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One account."""
    return aws_page(request, get_object_or_404(AwsAccount, pk=pk), None)


@require_action("monitoring.aws_account_edit", methods=("POST",))
def aws_connect_action(request: AuthorizedRequest) -> HttpResponse:
    """Take a new account and check it at once."""
    form = AwsAccountForm(request.POST)
    if not form.is_valid():
        return render_page(request, "monitoring/aws_account.html", _context(form, None), status=422)
    data, at = form.cleaned_data, now()
    try:
        account = account_connect(
            by=request.actor, at=at, account_id=data["account_id"], name=data["name"], role_arn=data["role_arn"],
            external_id=data["external_id"], regions=data["regions"], cost_cap_usd=data["cost_cap_usd"],
            usd_per_metric=data["usd_per_metric"], usd_per_scanned_gb=data["usd_per_scanned_gb"],
            act_role_arn=data["act_role_arn"],
        )  # fmt: skip
    except AwsAccountError as error:
        form.add_error("role_arn", str(error))
        return render_page(request, "monitoring/aws_account.html", _context(form, None), status=422)
    account_check(by=request.actor, at=at, account=account)
    messages.success(request, "Connected. Say below which platforms live in it.")
    return redirect_or_fragment(request, reverse("monitoring:aws-account", args=[account.pk]))


@require_action("monitoring.aws_account_edit", methods=("POST",))
@idempotent
def aws_change_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change role, regions or cap."""
    account = get_object_or_404(AwsAccount, pk=pk)
    form = AwsAccountEditForm(request.POST)
    if form.is_valid() and form.cleaned_data["account_id"] != account.account_id:
        form.add_error(
            "role_arn", f"This role belongs to another account than {account.account_id}: connect it as new."
        )
    if not form.is_valid():
        return aws_page(request, account, form)
    data, at = form.cleaned_data, now()
    account = account_put(
        by=request.actor, at=at, account_id=account.account_id, name=data["name"], role_arn=data["role_arn"],
        external_id=data["external_id"], regions=data["regions"], cost_cap_usd=data["cost_cap_usd"],
        usd_per_metric=data["usd_per_metric"], usd_per_scanned_gb=data["usd_per_scanned_gb"],
        act_role_arn=data["act_role_arn"], expected=data["version"],
    )  # fmt: skip
    messages.success(request, "Saved.")
    return redirect_or_fragment(request, reverse("monitoring:aws-account", args=[account.pk]))


@require_action("monitoring.aws_account_edit", methods=("POST",))
def aws_check_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Make every read call once and show what came of it."""
    account = get_object_or_404(AwsAccount, pk=pk)
    account_check(by=request.actor, at=now(), account=account)
    return redirect_or_fragment(request, reverse("monitoring:aws-account", args=[account.pk]))


@require_action("monitoring.aws_account_edit", methods=("POST",))
@idempotent
def aws_source_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Say that a platform lives in this account, and fetch its history."""
    account = get_object_or_404(AwsAccount, pk=pk, enabled=True)
    form = AwsSourceForm(request.POST)
    if not form.is_valid():
        return aws_page(request, account, None, source_form=form)
    platform = get_object_or_404(Platform, pk=form.cleaned_data["platform"])
    region = form.cleaned_data["region"] if form.cleaned_data["region"] in account.regions else ""
    at = now()
    source_put(by=request.actor, at=at, platform=platform, account=account, region=region)
    backfill_start(by=request.actor, at=at, account=account)
    messages.success(request, f"{platform.name} is read from {account.name}; its history is being fetched.")
    return redirect_or_fragment(request, reverse("monitoring:aws-account", args=[account.pk]))


@require_action("monitoring.aws_account_edit", methods=("POST",))
@idempotent
def aws_disconnect_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Stop reading the account; what was read stays."""
    account = get_object_or_404(AwsAccount, pk=pk)
    form = VersionedForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The form did not say which account you looked at: open the page again.")
    account_disconnect(by=request.actor, at=now(), account=account, expected=form.cleaned_data["version"])
    messages.success(request, f"{account.name} is not read any more.")
    return redirect_or_fragment(request, reverse("monitoring:connect-aws"))
