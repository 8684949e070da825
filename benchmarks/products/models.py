"""One model for each package that records changes, and the same model without any."""

from auditlog.registry import auditlog
from django.db import models
from simple_history.models import HistoricalRecords


class Product(models.Model):
    """A model of the usual size."""

    name = models.CharField(max_length=100)
    sku = models.CharField(max_length=40)
    description = models.TextField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.IntegerField()
    weight = models.FloatField()
    is_sold = models.BooleanField(default=True)
    colour = models.CharField(max_length=20)
    released = models.DateField()
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self):
        return self.name


class Untracked(Product):
    pass


class Tracked(Product):
    pass


class Audited(Product):
    pass


class Historical(Product):
    # Without a constraint, because the table of users does not exist yet.
    history = HistoricalRecords(user_db_constraint=False)


auditlog.register(Audited)
