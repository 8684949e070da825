import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from eventlog.models import Log, log

from .shop.models import Widget

pytestmark = pytest.mark.django_db

EXTRA = {"ip": "192.0.2.7", "ua": "Firefox", "method": "POST", "view": "shop:buy", "total": 7}


@pytest.fixture
def _events(anna):
    admin = User.objects.create_user("admin")
    sprocket = Widget.objects.create(name="sprocket")
    log(anna, "BOUGHT", obj=sprocket, extra=EXTRA)
    log(admin, "BLOCKED", obj=anna, extra=EXTRA)
    log(admin, "SOLD", obj=sprocket, extra=EXTRA)


@pytest.mark.parametrize("what", ["export", "erase"])
def test_a_name_that_nobody_has_is_told(what):
    told = StringIO()
    person(what, "nobdy", stderr=told)
    assert "Nobody is called 'nobdy'" in told.getvalue()


def person(*args, **options):
    out = StringIO()
    call_command("eventlog_person", *args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture(params=[False, True], ids=["there", "deleted"])
def gone(request, anna, _events):
    """Also of a user whom the site has deleted already."""
    if request.param:
        anna.delete()


@pytest.mark.usefixtures("gone")
def test_export_has_what_they_did_and_what_was_done_to_them():
    rows = [json.loads(line) for line in person("export", "anna").splitlines()]
    assert [row["action"] for row in rows] == ["BLOCKED", "BOUGHT"]
    assert rows[1]["extra"] == EXTRA


@pytest.mark.usefixtures("gone")
def test_erasing_leaves_the_events_and_nothing_of_the_person():
    assert person("erase", "anna") == "2 events erased.\n"
    bought, blocked, sold = Log.objects.order_by("pk")
    assert (bought.user_id, bought.user_repr, bought.object_repr) == (None, "", "sprocket")
    assert bought.extra == {"method": "POST", "view": "shop:buy", "total": 7}
    assert (blocked.user_repr, blocked.object_id, blocked.object_repr) == ("admin", None, "")
    assert blocked.extra == sold.extra == EXTRA
    assert person("export", "anna") == ""


@pytest.mark.usefixtures("gone")
def test_erasing_can_delete_the_events():
    assert person("erase", "anna", "--delete") == "2 events deleted.\n"
    assert [row.action for row in Log.objects.all()] == ["SOLD"]
