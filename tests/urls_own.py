"""As a site that has patterns of a kind of its own."""

import re

from django.urls import URLResolver, path
from django.urls.resolvers import RoutePattern
from django.utils.translation import get_language

from . import views


class InLanguage(RoutePattern):
    regex = property(lambda self: re.compile(f"in-{get_language()}/"))


urlpatterns = [URLResolver(InLanguage("in/"), [path("code/<token>/", views.ok)])]
