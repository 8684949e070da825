# mypy: disable-error-code=type-arg
# (django-stubs declares classes as generic that take no parameters at run time)

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from eventlog.admin import EventsMixin

from .models import Order, Product


@admin.register(Product)
class ProductAdmin(EventsMixin, admin.ModelAdmin):
    list_display = ["name", "price"]
    search_fields = ["name"]


@admin.register(Order)
class OrderAdmin(EventsMixin, admin.ModelAdmin):
    list_display = ["__str__", "customer", "total", "placed"]
    list_select_related = ["customer"]
    date_hierarchy = "placed"


admin.site.unregister(User)


@admin.register(User)
class UserWithEventsAdmin(EventsMixin, UserAdmin):
    pass
