"""The applications that gunicorn, uvicorn and Celery load."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.fault_settings")

from celery import Celery
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

celery = Celery("faults")
celery.config_from_object("django.conf:settings", namespace="CELERY")

wsgi = get_wsgi_application()
asgi = get_asgi_application()

celery.autodiscover_tasks()
