import uuid

from django.db import models


class Widget(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        verbose_name = "foo widget"

    def __str__(self):
        return self.name


class Token(models.Model):
    """Its primary key is a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Country(models.Model):
    """Its primary key is a string."""

    code = models.CharField(primary_key=True, max_length=40)

    def __str__(self):
        return self.code


class Grumpy(models.Model):
    """Cannot say what it is called."""

    def __str__(self):
        raise RuntimeError("no name today")
