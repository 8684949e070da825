"""URLs of the admin, and of django-observatory, whose pages are outside the admin."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls)]
if apps.is_installed("django_observatory"):
    urlpatterns.append(path("observability/", include("django_observatory.urls")))
