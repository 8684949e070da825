from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "tests.stock"
    label = "stock"
