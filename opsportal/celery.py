"""The Celery application; tasks live in each app's `tasks.py`."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

app = Celery("opsportal")
app.conf.update(settings.CELERY)
app.autodiscover_tasks(lambda: settings.INSTALLED_APPS)
