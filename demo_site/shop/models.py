from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone


class Product(models.Model):
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=7, decimal_places=2, validators=[MinValueValidator(0)])

    objects: ClassVar[models.Manager["Product"]] = models.Manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:product-detail", args=[self.pk])

    @property
    def hue(self) -> int:
        """Return the number of the style sheet's colour that replaces a picture."""
        return int(self.pk) % 6 + 1


class Order(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    product = models.ForeignKey(Product, null=True, on_delete=models.SET_NULL)
    item = models.CharField("name of the product", max_length=80)
    quantity = models.PositiveSmallIntegerField()
    total = models.DecimalField(max_digits=9, decimal_places=2)
    placed = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager["Order"]] = models.Manager()

    class Meta:
        ordering = ["-placed"]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.item}"  # noqa: RUF001 (a multiplication sign)

    def get_absolute_url(self) -> str:
        return reverse("shop:order-detail", args=[self.pk])
