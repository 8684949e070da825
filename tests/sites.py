"""A project with admin sites of its own, and none that is called "admin"."""

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.urls import path

from eventlog.admin import EventsMixin, LogAdmin
from eventlog.models import Log

from .shop.models import Country


class WithEvents(EventsMixin, UserAdmin):
    pass


class CountryAdmin(EventsMixin, ModelAdmin):
    pass


without_events, ops = AdminSite("without"), AdminSite("ops")
without_events.register(User, WithEvents)
ops.register(User, WithEvents)
ops.register(Log, LogAdmin)
ops.register(Country, CountryAdmin)

urlpatterns = [path("without/", without_events.urls), path("ops/", ops.urls)]
