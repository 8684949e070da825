import pytest
from django.contrib.auth.models import User

from eventlog.contrib.sign_ins.connect_receivers import disconnect

PASSWORD = "Ko7-marzipan"
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def sign_ins(settings, db):
    """A site with the app ``eventlog.contrib.sign_ins`` and the account anna."""
    User.objects.create_user("anna", "anna@example.com", PASSWORD, is_staff=True)
    settings.MAILERS = {"default": {"BACKEND": LOCMEM}}  # Django 6.1 warns without it
    settings.ROOT_URLCONF = "tests.contrib.sign_ins.urls"
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.sign_ins"]
    yield
    disconnect()


@pytest.fixture
def anna(sign_ins):
    return User.objects.get(username="anna")
