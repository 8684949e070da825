"""URLs of the site for benchmarks.mixed: two ordinary pages and Django's account pages."""

from django.contrib import admin
from django.urls import include, path

from tests import views

urlpatterns = [
    path("ok/", views.ok, name="ok"),
    path("aok/", views.aok, name="aok"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
]
