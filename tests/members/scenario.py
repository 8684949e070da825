"""Script that tests/members/test_members.py runs, because a process has only one user model."""

import json
from io import StringIO

import django
from django.core.management import CommandError, call_command

django.setup()

from django.contrib.auth import authenticate  # noqa: E402

from eventlog.contrib.sign_ins.connect_receivers import connect  # noqa: E402
from eventlog.models import Log, log  # noqa: E402
from eventlog.review.links import user_term  # noqa: E402
from eventlog.review.search.tree import Term  # noqa: E402

from .models import Friend, Member, Patron  # noqa: E402


def exported(*args):
    out = StringIO()
    call_command("eventlog_person", "export", *args, stdout=out)
    return sorted(json.loads(line)["action"] for line in out.getvalue().splitlines())


def refused(*args):
    try:
        exported(*args)
    except CommandError:
        return True
    return False


def main():
    call_command("migrate", verbosity=0, run_syncdb=True)
    anna = Member.objects.create(code="m_1", number=7, full_name="Anna Müller")
    ben = Member.objects.create(code="m_2", number=8, full_name="Ben", is_active=False)
    cleo = Member.objects.create(code="m_3", full_name="Cleo")
    dora = Patron.objects.create(code="m_4", number=9, full_name="Dora")
    log(anna, "BY_ANNA")
    log(ben, "ABOUT_ANNA", obj=anna)
    log(cleo, "BY_CLEO")
    log(anna, "ABOUT_CLEO", obj=Friend.objects.get(pk="m_3"))
    log(dora, "BY_DORA")
    log(None, "ABOUT_DORA", obj=dora)
    log(None, "ABOUT_MEMBER_DORA", obj=dora.member_ptr)

    of_anna = ["ABOUT_ANNA", "ABOUT_CLEO", "BY_ANNA"]
    assert exported("7") == of_anna
    assert exported("Anna Müller") == of_anna  # the name in events about her
    assert exported("--key", "m_1") == of_anna
    # The manager of the model hides this user.
    assert exported("8") == exported("--key", "m_2") == ["ABOUT_ANNA"]
    assert user_term(Log.objects.get(action="ABOUT_ANNA")) == Term("user", "8")
    # Without a username, events hold the text of str().
    assert exported("Cleo") == exported("--key", "m_3") == ["ABOUT_CLEO", "BY_CLEO"]
    # Events about a row of a table that extends the users are found too.
    assert exported("9") == exported("Dora") == ["ABOUT_DORA", "ABOUT_MEMBER_DORA", "BY_DORA"]
    for wrong in (["77"], ["anna müller"], ["Anna Muller"], ["m_1"], ["--key", "M_1"], ["07"]):
        assert refused(*wrong), wrong

    anna.delete()
    assert exported("7") == ["ABOUT_CLEO", "BY_ANNA"]
    assert exported("Anna Müller") == exported("--key", "m_1") == ["ABOUT_ANNA"]
    call_command("eventlog_person", "erase", "Anna Müller", yes=True, stdout=StringIO())
    assert Log.objects.get(action="ABOUT_ANNA").object_repr == ""
    call_command("eventlog_person", "erase", "8", yes=True, delete=True, stdout=StringIO())
    assert not Log.objects.filter(action="ABOUT_ANNA").exists()

    connect()
    evi = Member.objects.create(code="m_5", number=10, full_name="Evi")
    evi.set_password("secret")
    evi.is_active = False
    evi.save()
    gail = Patron.objects.create(code="m_6", number=11, full_name="Gail")
    gail.set_unusable_password()
    gail.save()
    authenticate(number=10, password="wrong")
    assert [(event.action, event.extra) for event in Log.objects.order_by("-pk")[:6]][::-1] == [
        ("ACCOUNT_CREATED", {}),
        ("PASSWORD_CHANGED", {}),
        ("PERMISSIONS_CHANGED", {"is_active": False}),
        ("ACCOUNT_CREATED", {}),
        ("PASSWORD_CHANGED", {"usable": False}),
        ("LOGIN_FAILED", {"username": "10"}),
    ]


if __name__ == "__main__":
    main()
