"""A project with admin sites of its own, and none that is called "admin"."""

from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.urls import path

from eventlog.admin import EventsMixin, LogAdmin
from eventlog.models import Log


class WithEvents(EventsMixin, UserAdmin):
    pass


without_events, ops = AdminSite("without"), AdminSite("ops")
without_events.register(User, WithEvents)
ops.register(User, WithEvents)
ops.register(Log, LogAdmin)

urlpatterns = [path("without/", without_events.urls), path("ops/", ops.urls)]
