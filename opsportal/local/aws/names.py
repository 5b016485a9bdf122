"""Route 53 of the living shop: one public zone per platform, with a record that can be pointed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opsportal.local.aws.acts import DNS_SPREADS, Act
from opsportal.local.aws.calls import AnswerError, Call, moment
from opsportal.local.aws.catalogue import PLATFORMS, REGION, Platform, resource_id

_TTL: Final = 60


def zone_id(owner: Platform) -> str:
    return f"Z{resource_id(owner.domain).upper()}SIMU"


def list_hosted_zones(call: Call) -> dict[str, Any]:
    rows = [_zone(owner) for owner in PLATFORMS] if call.living else []
    size, marker = str(call.params.get("MaxItems") or 100), str(call.params.get("Marker") or "")
    return {"HostedZones": rows, "IsTruncated": False, "MaxItems": size, "Marker": marker}


def _zone(owner: Platform) -> dict[str, Any]:
    return {
        "Id": f"/hostedzone/{zone_id(owner)}",
        "Name": f"{owner.domain}.",
        "CallerReference": owner.key,
        "Config": {"PrivateZone": False},
        "ResourceRecordSetCount": 4,
    }


def _owner(call: Call) -> Platform:
    wanted = str(call.params["HostedZoneId"]).rpartition("/")[2]
    for owner in PLATFORMS if call.living else ():
        if zone_id(owner) == wanted:
            return owner
    raise AnswerError("NoSuchHostedZone", f"No hosted zone found with ID: {wanted}")


def _records(call: Call, owner: Platform) -> list[dict[str, Any]]:
    balancer = f"{owner.alb}.{REGION}.elb.amazonaws.com"
    names = {f"{word}.{owner.domain}.": balancer for word in ("api", "www")}
    names[f"standby.{owner.domain}."] = f"{owner.key}-standby.us-west-2.elb.amazonaws.com"
    found: list[dict[str, Any]] = [
        {
            "Name": f"{owner.domain}.",
            "Type": "A",
            "AliasTarget": {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": f"{balancer}.", "EvaluateTargetHealth": True},
        }
    ]
    for name, value in names.items():
        shown: Mapping[str, Any] = {"ttl": _TTL, "values": [value]}
        done = [act for act in call.world.acts("record", f"{name} CNAME") if act.at <= call.now]
        shown = done[-1].value if done else shown
        values = [{"Value": text} for text in shown["values"]]
        found.append({"Name": name, "Type": "CNAME", "TTL": int(shown["ttl"]), "ResourceRecords": values})
    return sorted(found, key=_order)


def _order(row: Mapping[str, Any]) -> tuple[list[str], str]:
    """Route 53 sorts by the labels from the right."""
    return str(row["Name"]).rstrip(".").split(".")[::-1], str(row["Type"])


def list_resource_record_sets(call: Call) -> dict[str, Any]:
    rows = _records(call, _owner(call))
    name = call.params.get("StartRecordName")
    if name:
        start = _order({"Name": name, "Type": call.params.get("StartRecordType") or ""})
        rows = [row for row in rows if _order(row) >= start]
    size = int(call.params.get("MaxItems") or 300)
    shown: dict[str, Any] = {"ResourceRecordSets": rows[:size], "IsTruncated": len(rows) > size, "MaxItems": str(size)}
    if len(rows) > size:
        shown |= {"NextRecordName": rows[size]["Name"], "NextRecordType": rows[size]["Type"]}
    return shown


def change_resource_record_sets(call: Call) -> dict[str, Any]:
    """Point a CNAME elsewhere; the simulator knows no other change."""
    owner = _owner(call)
    known = {(row["Name"], row["Type"]) for row in _records(call, owner)}
    for change in call.params["ChangeBatch"]["Changes"]:
        record = change["ResourceRecordSet"]
        place = (str(record["Name"]).rstrip(".") + ".", record["Type"])
        if change["Action"] != "UPSERT" or place not in known or record["Type"] != "CNAME":
            raise AnswerError("InvalidChangeBatch", f"Tried to {change['Action']} {place[0]} type {place[1]}.")
        value = {"ttl": int(record["TTL"]), "values": [row["Value"] for row in record["ResourceRecords"]]}
        call.world.act(Act("record", " ".join(place), call.now, value), after=DNS_SPREADS)
    identity = f"/change/C{int(call.now.timestamp()):020}"
    return {"ChangeInfo": {"Id": identity, "Status": "PENDING", "SubmittedAt": moment(int(call.now.timestamp()))}}
