"""A site with its own classes of URL patterns."""

import re

from django.urls import URLResolver, path
from django.urls.resolvers import RoutePattern
from django.utils.translation import get_language

from . import views


class InLanguage(RoutePattern):
    regex = property(lambda self: re.compile(f"in-{get_language()}/"))


class Opaque(RoutePattern):
    @property
    def regex(self):
        raise NotImplementedError


urlpatterns = [
    path("book/<page>/", views.ok),
    URLResolver(Opaque("opaque/"), [path("<token>/", views.ok)]),
    URLResolver(InLanguage("in/"), [path("code/<token>/", views.ok)]),
]
