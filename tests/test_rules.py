import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.urls import clear_script_prefix, set_script_prefix

from eventlog.conf import Misconfigured
from eventlog.rules import KEYS, Rule, compile_rule, rule


def wants_log(request, response):
    return "yes" in request.GET


def actions(outbox):
    return [event.action for event in outbox]


@pytest.fixture
def visit(client, settings, outbox):
    """Visit pages under rules; the actions that were recorded."""

    def visit(rules, *paths, method="GET", **headers):
        settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": rules}
        for path in paths:
            client.generic(method, path, **headers)
        return actions(outbox)

    return visit


def test_by_default_all_but_static_and_media_is_recorded(client, outbox):
    for path in ("/ok/", "/nowhere/", "/static/a.css", "/media/a.png"):
        client.get(path)
    assert actions(outbox) == ["GET_OK", "GET_UNRESOLVED"]


@pytest.mark.parametrize("url", ["/", "https://cdn.example.org/static/", None])
def test_a_static_url_that_is_no_folder_hides_nothing(client, settings, outbox, url):
    settings.STATIC_URL = url
    client.get("/ok/")
    assert actions(outbox) == ["GET_OK"]


@pytest.mark.parametrize("url", ["", "static/", "/app/static/"])
def test_under_a_prefix_files_alone_are_left_out(client, settings, outbox, url):
    settings.STATIC_URL, settings.MEDIA_URL = url, ""
    set_script_prefix("/app/")  # as a server does for each request
    for path in ("/ok/", "/static/a.css"):
        client.get(path, SCRIPT_NAME="/app")
    clear_script_prefix()
    assert actions(outbox) == ["GET_OK", "GET_UNRESOLVED"][: 1 + (url == "")]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/shop/orders/7/", "GET_SHOP_ORDER_DETAIL"),
        ("/unnamed/", "GET_TESTS_VIEWS_OK"),
        ("/ok", "GET_UNRESOLVED"),
    ],
)
def test_the_default_action(visit, path, action):
    assert visit([{}], path) == [action]


def test_the_first_rule_that_matches_decides(visit):
    rules = [{"path": "^/ok", "log": False}, {"path": "ok", "action": "A"}, {"action": "B"}]
    assert visit(rules, "/ok/", "/aok/", "/redirect/") == ["A", "B"]


def test_what_no_rule_matches_is_not_recorded(visit):
    assert visit([{"path": "^/ok"}], "/redirect/", "/ok/") == ["GET_OK"]


def test_view_is_a_glob_over_names_with_namespaces(visit):
    assert visit([{"view": "shop:*"}], "/shop/orders/1/", "/ok/", "/nowhere/") == [
        "GET_SHOP_ORDER_DETAIL"
    ]


def test_methods(visit):
    assert visit([{"methods": ["put"]}], "/ok/") == []
    assert visit([{"methods": ["put"]}], "/ok/", method="PUT") == ["PUT_OK"]


@pytest.mark.parametrize("status", ["4xx", 404, "404", ["5xx", 404]])
def test_status(visit, status):
    assert visit([{"status": status}], "/ok/", "/missing/", "/denied/")[0] == "GET_MISSING"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("authenticated", ["ann", "staff", "root"]),
        ("anonymous", ["-"]),
        ("staff", ["staff", "root"]),
        ("superuser", ["root"]),
    ],
)
@pytest.mark.django_db
def test_kind_of_user(settings, outbox, kind, names):
    User.objects.create_user("ann")
    User.objects.create_user("staff", is_staff=True)
    User.objects.create_superuser("root")
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": [{"user": kind, "view": "who"}]}
    for name in ("ann", "staff", "root", "-"):
        client = Client()
        if name != "-":
            client.force_login(User.objects.get(username=name))
        client.get("/who/")
    assert [event.user_repr or "-" for event in outbox] == names


@pytest.mark.parametrize("when", [wants_log, "tests.test_rules.wants_log"])
def test_when(visit, when):
    assert visit([{"when": when}], "/ok/", "/ok/?yes=1") == ["GET_OK"]


def test_an_action_made_of_parts(visit):
    assert visit([{"action": "SHOP_{method}_{view}_{status}"}], "/ok/", "/nowhere/") == [
        "SHOP_GET_OK_200",
        "SHOP_GET_UNRESOLVED_404",
    ]


def test_extra_is_added_and_wins_and_is_masked(visit, outbox):
    visit([{"extra": {"team": "a", "token": "x", "ip": "hidden"}}], "/ok/")
    assert (outbox[0].extra["team"], outbox[0].extra["ip"]) == ("a", "hidden")
    assert "x" not in outbox[0].extra["token"]


def test_extra_may_be_made_of_request_and_response(visit, outbox):
    visit([{"extra": lambda request, response: {"size": len(response.content)}}], "/ok/")
    assert outbox[0].extra["size"] == 2


def test_a_sample_keeps_its_share_and_every_error(visit, monkeypatch):
    numbers = iter([0.05, 0.5, 0.95])
    monkeypatch.setattr(rule._lots, "random", lambda: next(numbers))
    paths = ["/ok/"] * 3 + ["/missing/", "/crash/"]
    assert visit([{"sample": 0.1}], *paths) == ["GET_OK", "GET_MISSING", "GET_CRASH"]


def test_only_the_fields_that_are_wanted_are_recorded(client, settings, outbox):
    settings.EVENTLOG = settings.EVENTLOG | {"FIELDS": ["path", "status"]}
    client.get("/ok/")
    assert outbox[0].extra == {"path": "/ok/", "status": 200}


WRONG = [
    ({"pth": "x"}, "eventlog.E001", "'path'"),
    ({"path": 7}, "eventlog.E002", "'path' is 7"),
    ({"path": "("}, "eventlog.E003", "regular expression"),
    ({"view": ["a"]}, "eventlog.E002", "'view'"),
    ({"methods": 7}, "eventlog.E002", "'methods'"),
    ({"methods": [7]}, "eventlog.E002", "'methods'"),
    ({"status": "6xx"}, "eventlog.E006", "'6xx'"),
    ({"status": 99}, "eventlog.E006", "99"),
    ({"user": "admin"}, "eventlog.E006", "superuser"),
    ({"user": ["staff"]}, "eventlog.E006", "superuser"),
    ({"when": "no.such.thing"}, "eventlog.E004", "no.such.thing"),
    ({"when": "nodots"}, "eventlog.E004", "nodots"),
    ({"when": 7}, "eventlog.E002", "function"),
    ({"when": "tests.views.aok"}, "eventlog.E002", "plain function"),
    ({"log": "no"}, "eventlog.E002", "bool"),
    ({"sample": 2}, "eventlog.E006", "between 0 and 1"),
    ({"sample": "half"}, "eventlog.E002", "number"),
    ({"sample": True}, "eventlog.E002", "number"),
    ({"action": ""}, "eventlog.E006", "action"),
    ({"action": "X" * 256}, "eventlog.E006", "255"),
    ({"action": "{path}"}, "eventlog.E006", "method, view, status"),
    ({"action": "{"}, "eventlog.E006", "action"),
    ({"action": "{method:d}"}, "eventlog.E006", "filled in"),
    ({"action": "{method:.0}"}, "eventlog.E006", "Nothing would be left"),
    ({"extra": 7}, "eventlog.E002", "'extra' is 7"),
    ({"extra": "no.such.thing"}, "eventlog.E004", "no.such.thing"),
    ("^/path", "eventlog.E002", "no dict"),
]


@pytest.mark.parametrize(("raw", "check_id", "named"), WRONG)
def test_a_wrong_rule_says_where_what_and_how_to_mend_it(raw, check_id, named):
    with pytest.raises(Misconfigured) as caught:
        compile_rule("EVENTLOG['REQUESTS'][0]", raw)
    assert caught.value.check_id == check_id
    assert caught.value.message.startswith("EVENTLOG['REQUESTS'][0]")
    assert named in str(caught.value)


def test_every_key_is_known():
    assert set(KEYS) == {
        "path", "view", "methods", "status", "user", "when", "log", "sample", "action", "extra",
    }  # fmt: skip


def test_a_rule_without_conditions_matches_everything(rf):
    assert Rule().matches(rf.get("/"), None, AnonymousUser())
