"""URL of the measured view."""

from django.conf import settings
from django.urls import path
from django.utils.module_loading import import_string

_view = import_string(settings.VIEW)
if settings.VIEW.endswith(".rest"):
    from rest_framework.decorators import api_view
    from rest_framework.response import Response

    @api_view(["GET", "POST", "HEAD", "OPTIONS"])
    def _view(request):
        return Response({"ok": True})


urlpatterns = [path("measured/", _view, name="measured")]
