# ruff: noqa: E501  (a row of a table is read across)
"""What befell whom in the 92 days before the first start, told once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plot:
    """One line of the plot: how many days before the end, at which time, what befell whom."""

    days_ago: int
    hour: int
    platform: str
    fault: str
    minutes: int
    rank: int
    title: str
    cause: str
    remedy: str
    lesson: str
    after_deployment: bool = False


PLOT: Final = (
    Plot(88, 10, "bookstore", "error-rate", 34, 2, "Order API answers 5xx", "A null price in the imported catalogue", "The import was rolled back", "Validate prices before the import is published"),
    Plot(84, 15, "shop-management", "db-connections", 41, 2, "Connections to Aurora near their limit", "A report held its connections open", "The report's sessions were ended", "Give reports a pool of their own"),
    Plot(79, 2, "solemate", "backup-missing", 300, 3, "Nightly backup did not run", "The backup role had lost a permission", "The permission was restored and a backup taken by hand", "Alarm on a missing backup, not only on a failed one"),
    Plot(74, 6, "genai-demo", "latency", 52, 3, "Answers take several seconds", "The model endpoint was throttled", "Traffic moved to the second endpoint", "Ask for a higher quota before a launch"),
    Plot(70, 13, "phase-09", "error-rate", 26, 2, "myapp fails one request in five", "A feature flag switched on for everybody", "The flag was switched off", "Flags go out in steps", after_deployment=True),
    Plot(65, 19, "solemate", "service-down", 12, 1, "Shop unavailable", "A task definition pointed at a deleted image", "The service went back to the former task definition", "The registry keeps the last ten images", after_deployment=True),
    Plot(61, 9, "bookstore", "latency", 38, 3, "Book search is slow", "An index was dropped with its old name", "The index was built again, concurrently", "Index changes need a plan"),
    Plot(56, 14, "shop-management", "error-rate", 22, 2, "Checkout answers 5xx", "A wrong secret after rotation", "The secret was rotated once more", "Rotation ends with a probe", after_deployment=True),
    Plot(51, 11, "phase-09", "certificate-expiry", 600, 3, "Certificate ends within a week", "The imported certificate is not renewed by AWS", "A new certificate was imported", "Move to certificates that AWS renews"),
    Plot(46, 7, "genai-demo", "error-rate", 29, 2, "Prompts are refused with 5xx", "The content filter ran out of memory", "Its task size was doubled", "Watch memory, not only CPU"),
    Plot(41, 16, "shop-management", "latency", 33, 3, "Shop pages take three seconds", "Cache nodes replaced one after the other", "Waited for the cache to fill", "Replace cache nodes at night"),
    Plot(36, 20, "solemate", "error-rate", 31, 2, "Payments fail for some cards", "The payment provider changed its answer", "The parser was corrected", "Follow the provider's change log", after_deployment=True),
    Plot(28, 13, "phase-09", "latency", 44, 3, "P95 above half a second", "A nightly job ran into the morning", "The job was stopped", "Jobs end by a deadline"),
    Plot(25, 10, "bookstore", "error-rate", 27, 2, "Stock updates fail", "A lock held by a migration", "The migration was ended", "Migrations carry a lock time-out", after_deployment=True),
    Plot(21, 15, "shop-management", "db-connections", 36, 2, "Database connections above 80", "A deployment doubled the pool size", "The former pool size was set", "Pool size times tasks stays under the limit", after_deployment=True),
    Plot(17, 18, "solemate", "service-down", 9, 1, "Backend has no healthy target", "Health check path renamed", "The path was put back", "Health checks are part of the contract", after_deployment=True),
    Plot(14, 2, "solemate", "backup-missing", 240, 3, "Nightly backup failed", "The snapshot quota was reached", "Old snapshots were deleted after approval", "Count snapshots every week"),
    Plot(10, 6, "genai-demo", "latency", 57, 3, "Slow answers in the morning", "A cold cache after scaling in", "The lower limit of tasks was raised", "Warm the cache before traffic comes"),
    Plot(7, 12, "phase-09", "error-rate", 24, 2, "Errors after the release", "A column renamed too early", "The release was rolled back", "Rename in two steps", after_deployment=True),
    Plot(4, 16, "bookstore", "db-connections", 28, 2, "Inventory cannot get a connection", "A leak in the inventory worker", "The worker was restarted", "Measure the pool in each service"),
    Plot(2, 14, "shop-management", "error-rate", 19, 2, "API answers 5xx after a release", "A missing environment variable", "The release was rolled back", "Check variables at start", after_deployment=True),
)  # fmt: skip
