"""The URLs of `django-admin startproject`, Django's accounts, and a page that fails."""

from django.contrib import admin
from django.urls import include, path

from .views import crash

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("crash/", crash),
]
