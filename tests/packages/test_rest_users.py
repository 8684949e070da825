"""Users of REST framework's tokens and of simplejwt."""

import pytest
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken

from eventlog.models import Log
from tests.shop.models import Widget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = "tests.packages.urls_apis"


@pytest.fixture(params=["token", "jwt", "stateless"])
def api(request, anna):
    """Return the path of a view and the header that authenticates anna."""
    token = f"Token {Token.objects.create(user=anna)}"
    if request.param != "token":
        token = f"Bearer {AccessToken.for_user(anna)}"
    return f"/{request.param}/", {"authorization": token}


def test_the_user_of_a_token_is_the_user_of_both_events(client, anna, api):
    path, headers = api
    assert client.post(path, {"name": "gear"}, headers=headers).status_code == 201
    created, posted = Log.objects.order_by("pk")
    assert (created.action, created.obj, created.user) == (
        "CREATED_FOO_WIDGET",
        Widget.objects.get(),
        anna,
    )
    assert (posted.action, posted.user, posted.status) == ("POST_WIDGETS", anna, 201)


def test_a_wrong_token_is_recorded_as_a_refusal_of_an_anonymous_visitor(client, api):
    path, headers = api
    client.post(path, {"name": "gear"}, headers={k: f"{v}x" for k, v in headers.items()})
    (event,) = Log.objects.all()
    assert (event.status, event.user, event.user_repr) == (401, None, "")
