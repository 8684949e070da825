"""A site whose paths have a language prefix or are translated."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import path
from django.utils.functional import lazystr
from django.utils.translation import get_language

from . import views


class Translated:
    def __str__(self):
        return {"de": "neu/<token>/"}.get(get_language(), "new/<token>/")


urlpatterns = [
    *i18n_patterns(path("reset/<uidb64>/<token>/", views.ok)),
    path(lazystr(Translated()), views.ok),
]
