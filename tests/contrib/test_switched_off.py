"""Optional parts that are not installed."""

import pytest

from eventlog.middleware.response_hooks import hooks
from eventlog.models import Log


@pytest.mark.django_db
def test_without_the_app_no_login_is_recorded(client, django_user_model):
    anna = django_user_model.objects.create_user("anna")
    client.force_login(anna)
    anna.is_staff = True
    anna.save()
    assert not Log.objects.exists()
    assert not hooks
