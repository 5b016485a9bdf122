"""Route 53: what a record of a public zone says."""

from __future__ import annotations

from dataclasses import dataclass

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record without routing policy. `values` is empty where it is an alias of another AWS resource."""

    zone_id: str
    zone: str
    name: str
    kind: str
    ttl: int
    values: tuple[str, ...]
    is_plain: bool


def record(account: AwsAccount, region: str, *, name: str, kind: str) -> DnsRecord | None:
    """Return the record of exactly that name and type in the public zone that holds it; None when there is none."""
    wanted = f"{name.rstrip('.').lower()}."
    made = client(account, "route53", region)
    with guard(account, region, "route53:ListHostedZones"):
        zones = [
            zone
            for page in made.get_paginator("list_hosted_zones").paginate()
            for zone in page["HostedZones"]
            if not zone.get("Config", {}).get("PrivateZone") and f".{wanted}".endswith(f".{zone['Name']}")
        ]
    if not zones:
        return None
    zone = max(zones, key=lambda row: len(row["Name"]))
    with guard(account, region, "route53:ListResourceRecordSets"):
        answer = made.list_resource_record_sets(
            HostedZoneId=zone["Id"], StartRecordName=wanted, StartRecordType=kind, MaxItems="2"
        )
    same = [row for row in answer["ResourceRecordSets"] if (row["Name"].lower(), row["Type"]) == (wanted, kind)]
    if not same:
        return None
    row = same[0]
    return DnsRecord(
        zone_id=zone["Id"].rpartition("/")[2],
        zone=zone["Name"],
        name=row["Name"],
        kind=kind,
        ttl=row.get("TTL", 0),
        values=tuple(sorted(value["Value"] for value in row.get("ResourceRecords", []))),
        is_plain="ResourceRecords" in row and "SetIdentifier" not in row and len(same) == 1,
    )
