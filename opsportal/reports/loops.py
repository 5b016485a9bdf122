"""Reports that go out by themselves."""

from datetime import datetime

from opsportal.reports.period.mail import reports_mail
from opsportal.schedule.loops import loop


@loop(name="reports.mail", every=60.0, limit=40.0)
def mail_reports(now: datetime) -> int:
    """Daily, weekly and monthly reports, from the morning after on."""
    return reports_mail(at=now)
