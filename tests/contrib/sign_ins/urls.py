"""URLs of a site whose users sign in, with a few views that the tests call."""

from django.contrib import admin
from django.contrib.auth import aauthenticate, alogin, alogout, authenticate, views
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.urls import path


async def log_in(request):
    user = await aauthenticate(request, username="anna", password=request.GET["password"])
    if user is not None:
        await alogin(request, user)
    return HttpResponse("done")


async def log_out(request):
    await alogout(request)
    return HttpResponse("out")


def promote(request):
    """Make anna a member of the staff, as the user who asks for it."""
    assert request.user.is_authenticated
    anna = User.objects.get(username="anna")
    anna.is_staff = True
    anna.save()
    anna.groups.add(Group.objects.create(name="Editors"))
    return HttpResponse("promoted")


def try_and_crash(request):
    authenticate(request, username="anna", password="wrong")
    User.objects.create_user("rolled-back")
    raise RuntimeError("on purpose")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("log-in/", log_in),
    path("log-out/", log_out),
    path("promote/", promote),
    path("try-and-crash/", try_and_crash),
    path("reset/", views.PasswordResetView.as_view()),
    path("reset/done/", views.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "reset/<uidb64>/<token>/",
        views.PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path(
        "reset/complete/",
        views.PasswordResetCompleteView.as_view(),
        name="password_reset_complete",
    ),
]
