"""The Celery application; tasks live in each app's `tasks.py`."""

from celery import Celery
from django.conf import settings

from opsportal.env import require_settings

require_settings()
app = Celery("opsportal")
app.conf.update(settings.CELERY)
app.autodiscover_tasks(lambda: settings.INSTALLED_APPS)
