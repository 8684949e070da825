import uuid

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models


class Widget(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        verbose_name = "foo widget"

    def __str__(self):
        return self.name


class Token(models.Model):
    """A model whose primary key is a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class Country(models.Model):
    """A model whose primary key is a string."""

    code = models.CharField(primary_key=True, max_length=40)

    def __str__(self):
        return self.code


class BinaryKey(models.BinaryField):
    """A binary field that MySQL accepts as a primary key."""

    def db_type(self, connection):
        return "varbinary(40)" if connection.vendor == "mysql" else super().db_type(connection)


class Digest(models.Model):
    """A model whose primary key is binary."""

    value = BinaryKey(primary_key=True)


class Price(models.Model):
    """A model whose primary key is a decimal number."""

    amount = models.DecimalField(primary_key=True, max_digits=9, decimal_places=2)


class Grumpy(models.Model):
    """A model whose ``__str__()`` raises an error."""

    def __str__(self):
        raise RuntimeError("no name today")


class Crate(models.Model):
    """A model whose events are deleted with it and can be joined."""

    code = models.CharField(primary_key=True, max_length=40)
    events = GenericRelation("eventlog.Log", related_query_name="crate")


class Passport(models.Model):
    """A model whose primary key is a foreign key."""

    country = models.OneToOneField(Country, models.CASCADE, primary_key=True)


class Stay(models.Model):
    """A model whose primary key is composite."""

    pk = models.CompositePrimaryKey("country_id", "room", "began")
    country = models.ForeignKey(Country, models.CASCADE)
    room = models.UUIDField(default=uuid.uuid4)
    began = models.DateTimeField()

    def __str__(self):
        return f"stay of {self.began:%Y}"


class Part(models.Model):
    """A model whose name needs a query."""

    widget = models.ForeignKey(Widget, models.CASCADE)

    def __str__(self):
        return f"part of {self.widget.name}"


class Article(models.Model):
    """A model whose events are deleted with it."""

    events = GenericRelation("eventlog.Log")
