"""Forms of patterns that capture a secret, and patterns that capture none."""

from django.urls import path, re_path

from . import views

urlpatterns = [
    path("api/users/<int:pk>/", views.ok),
    path("api/<token>/", views.ok),
    re_path(r"^lazy/(?P<token>.+?)/$", views.ok),
    re_path(r"^optional/(?P<token>[^/]+?)/?$", views.ok),
    re_path(r"^either/(?P<token>[0-9]{6}|[0-9a-f]{16})/$", views.ok),
    re_path(r"^page/(?P<token>\w{4,}?)(?:/(?P<number>\d+))?/$", views.ok),
    path("sessions/<int:session_id>/", views.ok),
    path("talks/<slug:key>/", views.ok),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", views.ok),
    path("<slug:key>/", views.ok),
]
