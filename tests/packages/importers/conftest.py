import pytest
from django.contrib.auth.models import User

from .models import Label, Product


@pytest.fixture
def zora(db):
    return User.objects.create_superuser("zora", "zora@example.org", "secret")


@pytest.fixture
def product(db):
    return Product.objects.create(name="Lamp", price=9, label=Label.objects.create(text="new"))
