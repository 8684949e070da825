"""Models whose changes the packages record."""

import uuid

from django.db import models
from simple_history.models import HistoricalRecords


class Label(models.Model):
    text = models.CharField(max_length=40)

    def __str__(self):
        return self.text


class Product(models.Model):
    """A model with a field of each kind, and with a history."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    stock = models.IntegerField(null=True)
    is_sold = models.BooleanField(default=False)
    added = models.DateTimeField(null=True)
    api_key = models.CharField(max_length=80, blank=True)
    data = models.JSONField(default=dict)
    label = models.ForeignKey(Label, models.SET_NULL, null=True, related_name="products")
    labels = models.ManyToManyField(Label)

    history = HistoricalRecords(m2m_fields=[labels])

    def __str__(self):
        return self.name


class Parcel(models.Model):
    """A model whose key, and the keys of its versions, are UUIDs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    weight = models.FloatField(default=0)

    history = HistoricalRecords(history_id_field=models.UUIDField(default=uuid.uuid4))
