"""ACM: certificates and when they end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate. An imported one (`kind` IMPORTED) is never renewed by AWS."""

    arn: str
    domain: str
    names: tuple[str, ...]
    kind: str
    status: str
    not_before: datetime | None
    not_after: datetime | None
    renewable: bool
    renewal_status: str
    in_use_by: tuple[str, ...]


def certificates(account: AwsAccount, region: str) -> list[Certificate]:
    """Return every certificate of the region, by domain and ARN."""
    acm = client(account, "acm", region)
    with guard(account, region, "acm:ListCertificates"):
        pages = acm.get_paginator("list_certificates").paginate()
        arns = [item["CertificateArn"] for page in pages for item in page["CertificateSummaryList"]]
    found: list[Certificate] = []
    for arn in arns:
        with guard(account, region, "acm:DescribeCertificate"):
            item = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        found.append(
            Certificate(
                arn=arn,
                domain=item["DomainName"],
                names=tuple(item.get("SubjectAlternativeNames", [])),
                kind=item.get("Type", ""),
                status=item.get("Status", ""),
                not_before=item.get("NotBefore"),
                not_after=item.get("NotAfter"),
                renewable=item.get("RenewalEligibility") == "ELIGIBLE",
                renewal_status=item.get("RenewalSummary", {}).get("RenewalStatus", ""),
                in_use_by=tuple(item.get("InUseBy", [])),
            )
        )
    return sorted(found, key=lambda certificate: (certificate.domain, certificate.arn))
