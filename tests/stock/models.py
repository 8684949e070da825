"""Models whose changes are tracked by tests."""

import uuid

from django.db import models

from eventlog.contrib.model_changes import TrackedManager, track


class Tag(models.Model):
    name = models.CharField(max_length=40)

    def __str__(self):
        return self.name


class Warehouse(models.Model):
    code = models.CharField(primary_key=True, max_length=10)

    def __str__(self):
        return self.code


class Item(models.Model):
    """A model with a field of each kind. Its manager records bulk changes."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    stock = models.IntegerField(default=0)
    size = models.CharField(max_length=1, choices=[("s", "small"), ("l", "large")], default="s")
    notes = models.TextField(blank=True)
    api_key = models.CharField(max_length=80, blank=True)
    data = models.JSONField(default=dict)
    manual = models.FileField(upload_to="manuals", blank=True)
    added = models.DateTimeField(null=True)
    saved = models.DateTimeField(auto_now=True)
    warehouse = models.ForeignKey(Warehouse, models.CASCADE, null=True, blank=True)
    tags = models.ManyToManyField(Tag, related_name="items")
    related = models.ManyToManyField("self", symmetrical=False)

    objects = TrackedManager()
    plain = models.Manager()  # noqa: DJ012 (a manager, which ruff takes for a field)

    class Meta:
        verbose_name = "stock item"

    def __str__(self):
        return self.name


class ItemProxy(Item):
    class Meta:
        proxy = True


class Book(Item):
    """A model with a table of its own for the fields that items do not have."""

    pages = models.IntegerField(default=0)


class Serial(models.Model):
    """A model whose key has a default."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.IntegerField()


class Hidden(models.Model):
    """A model whose default manager finds nothing."""

    class Nothing(models.Manager):
        def get_queryset(self):
            return super().get_queryset().none()

    name = models.CharField(max_length=40)

    objects = Nothing()


class Size:
    """A value that can be changed in place."""

    def __init__(self, height):
        self.height = height

    def __eq__(self, other):
        return isinstance(other, Size) and self.height == other.height

    __hash__ = None

    def __str__(self):
        return f"{self.height} cm"


class SizeField(models.IntegerField):
    def from_db_value(self, value, expression, connection):
        return None if value is None else Size(value)

    def to_python(self, value):
        return value

    def get_prep_value(self, value):
        return value and value.height


class Account(models.Model):
    """A user model without a password."""

    name = models.CharField(max_length=40, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "name"
    REQUIRED_FIELDS = ()
    is_anonymous, is_authenticated = False, True


class Shelf(models.Model):
    """A model with a relation whose rows refer to other fields than keys."""

    number = models.CharField(max_length=10, unique=True)
    size = SizeField(null=True)
    labels = models.ManyToManyField("Label", through="ShelfLabel", related_name="shelves")


class Label(models.Model):
    text = models.CharField(max_length=10, unique=True)


class ShelfLabel(models.Model):
    shelf = models.ForeignKey(Shelf, models.CASCADE, to_field="number")
    label = models.ForeignKey(Label, models.CASCADE, to_field="text")


class Ledger(models.Model):
    """A model that is tracked before all models are loaded."""

    total = models.IntegerField()


track(Ledger)
