import pytest

from tests.contrib.sign_ins.conftest import anna, sign_ins

__all__ = ["anna", "sign_ins"]


@pytest.fixture
def sign_in_site(settings, sign_ins):
    """A site with sign-ins and the views of the packages."""
    settings.ROOT_URLCONF = "tests.packages.sign_ins.urls"
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ]
