"""The installation: settings, addresses, processes."""

from docanalyst.celery import app as celery_app

__all__ = ["celery_app"]
