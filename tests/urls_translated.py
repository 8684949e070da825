"""As a site that has its languages in front of its paths."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import path

from . import views

urlpatterns = i18n_patterns(path("reset/<uidb64>/<token>/", views.ok))
