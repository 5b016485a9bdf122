"""Where the five guides contradict each other or themselves (docs/guides.md, Contradictions)."""

from typing import Final

CONFLICTS: Final = {
    "C1": "What P1 means",
    "C2": "Response without a number",
    "C3": "When P1 pages",
    "C4": "Recovery targets",
    "C5": "Response time",
    "C6": "Throughput and users",
    "C7": "Error rate and resources: warning or critical",
    "C8": "How long backups are kept",
    "C9": "80 % or 80 connections",
    "C10": "How often recovery is tested",
    "C11": "Hours of the daily lists, and their zone",
    "C12": "The last step of escalation",
    "C13": "Backup hours, UTC and local time",
    "C14": "Window of the availability objective",
    "C15": "Scaling limits and log retention",
}
