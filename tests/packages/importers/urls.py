"""Views whose requests the packages record."""

from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.urls import path
from rest_framework.decorators import api_view


def order(request, pk):
    return HttpResponse(status=200 if pk < 100 else 404)


def reset(request, token):
    return HttpResponse()


@api_view(["GET", "POST"])
def api_order(request, pk):
    return JsonResponse({"pk": pk, "token": "3fe9c1d07b5a"}, status=201)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders/<int:pk>/", order, name="order"),
    path("reset/<token>/", reset, name="reset"),
    path("api/orders/<int:pk>/", api_order, name="api-order"),
]
