# mypy: disable-error-code=type-arg
# (what django-stubs has as generic classes takes no parameters at run time)

from django.contrib import admin

from .models import Order, Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["name", "price"]
    search_fields = ["name"]


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["__str__", "customer", "total", "placed"]
    list_select_related = ["customer"]
    date_hierarchy = "placed"
