"""A pattern with inline flags, which Django resolves but refuses to reverse."""

from django.urls import re_path

from . import views

urlpatterns = [re_path(r"(?i)^any-case/(?P<token>[a-z0-9]+)/$", views.ok)]
