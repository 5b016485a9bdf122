"""Point a DNS record of one of the platform's own domains elsewhere."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from django import forms

from monitoring.actions.base import (
    Action,
    ActionForm,
    AwsCall,
    Drafted,
    Place,
    ResourceField,
    State,
    Wanted,
    place_of,
    read,
    register_call,
)
from monitoring.models import Resource, ResourceKind
from opsportal.aws import route53
from opsportal.core.formats import plural
from opsportal.plans.models import RiskClass
from opsportal.plans.services import PlanRefusedError

KINDS: Final = ("CNAME", "A", "AAAA")
MOST_VALUES: Final = 8
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_TARGET: Final = re.compile(r"(?=.{4,253}$)([a-z0-9_-]{1,63}\.)+[a-z]{2,63}")


def _written(kind: str, value: str) -> str:
    """A value as it is compared and sent: one address has many spellings. Raises ValueError for none."""
    if kind == "A":
        return str(IPv4Address(value))
    if kind == "AAAA":
        address = IPv6Address(value)
        if address.scope_id is not None:
            raise ValueError(value)
        return address.compressed
    name = value.lower().removesuffix(".")
    if _TARGET.fullmatch(name) is None:
        raise ValueError(value)
    return name


def _held(found: route53.DnsRecord) -> list[str]:
    """What a record says, in the spelling that plans use; whatever else stands there, as it stands."""
    said = []
    for value in found.values:
        try:
            said.append(_written(found.kind, value))
        except ValueError:
            said.append(value)
    return sorted(said)


def _record(place: Place, request: Mapping[str, Any]) -> State:
    asked = request["ChangeBatch"]["Changes"][0]["ResourceRecordSet"]
    found = route53.record(place.reading, place.region, name=asked["Name"], kind=asked["Type"])
    return {"values": _held(found), "ttl": found.ttl} if found else {"values": [], "ttl": 0}


CHANGE: Final = register_call(
    AwsCall(
        operation="route53.upsert",
        action="route53:ChangeResourceRecordSets",
        risk=RiskClass.ABSOLUTE,
        look=_record,
        seconds=30,
    )
)


class RecordForm(ActionForm):
    """Which record, and where it shall point."""

    target = ResourceField(ResourceKind.CERTIFICATE, label="Domain of the platform")
    name = forms.CharField(
        max_length=200, label="Name within the domain", help_text="For example api; @ is the domain."
    )
    type = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], initial="CNAME", label="Type")
    values = forms.CharField(
        max_length=1000, label="Shall point to", help_text="Several addresses with spaces between."
    )
    ttl = forms.IntegerField(min_value=30, max_value=86_400, initial=60, label="Seconds it may be remembered")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = str(cleaned.get("name", "")).strip().lower()
        kind, values = cleaned.get("type", ""), str(cleaned.get("values", "")).replace(",", " ").split()
        if name != "@" and _NAME.fullmatch(name) is None:
            self.add_error("name", "This is no name of a record.")
        written: set[str] = set()
        for value in values if kind else ():
            try:
                written.add(_written(kind, value))
            except ValueError:
                self.add_error("values", f"{value[:80]} is nothing a record of type {kind} points to.")
        if not written and not self.has_error("values"):
            self.add_error("values", "Say where it shall point to.")
        if len(written) > (1 if kind == "CNAME" else MOST_VALUES):
            most = "one name" if kind == "CNAME" else f"{MOST_VALUES} addresses"
            self.add_error("values", f"A record of type {kind} points to at most {most} here.")
        return cleaned | {"name": name, "values": sorted(written)}


def _change(wanted: Wanted) -> Drafted:
    resource: Resource = wanted.values["target"]
    place, kind = place_of(resource), str(wanted.values["type"])
    domain = str(resource.data.get("domain") or resource.parent).removeprefix("*.")
    name = domain if wanted.values["name"] == "@" else f"{wanted.values['name']}.{domain}"
    values, ttl = list(wanted.values["values"]), int(wanted.values["ttl"])
    found: route53.DnsRecord = read(
        place, lambda: route53.record(place.reading, place.region, name=name, kind=kind), f"{name} {kind}"
    )
    if not found.is_plain:
        raise PlanRefusedError(
            f"{name} is an alias or has a routing policy: change it where it is kept. Nothing was stored."
        )
    held = _held(found)
    if (held, found.ttl) == (values, ttl):
        raise PlanRefusedError(f"{name} points there already. Nothing was stored.")
    record = {"Name": found.name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}
    change = {"Action": "UPSERT", "ResourceRecordSet": record}
    call = CHANGE.planned(
        place,
        target=f"{name} {kind}",
        request={"HostedZoneId": found.zone_id, "ChangeBatch": {"Changes": [change]}},
        state={"values": held, "ttl": found.ttl},
        wants={"values": values, "ttl": ttl},
        effect=f"{', '.join(held)} → {', '.join(values)}",
    )
    return Drafted(
        f"Point {name} to {', '.join(values)}"[:160],
        f"{name} pointed to {', '.join(held)} so far. Resolvers go on with that for up to "
        f"{plural(found.ttl, 'second')}, some for longer. Done here means that Route 53 holds the new record. No "
        "charge beyond the queries.",
        [call],
    )


ACTIONS: Final = (
    Action(
        key="change-dns",
        label="Change DNS",
        does="Points an existing record of the platform's own domains to another place.",
        form=RecordForm,
        draft=_change,
    ),
)
