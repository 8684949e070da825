import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.urls import clear_script_prefix, set_script_prefix

from eventlog.conf import Misconfigured
from eventlog.middleware.rules import KEYS, Rule, compile_rule


def wants_log(request, response):
    return "yes" in request.GET


def actions(outbox):
    return [event.action for event in outbox]


@pytest.fixture
def visit(client, settings, outbox):
    """Return a function that visits pages with rules and returns the recorded actions."""

    def visit(rules, *paths, method="GET", **headers):
        settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": rules}
        for path in paths:
            client.generic(method, path, **headers)
        return actions(outbox)

    return visit


def test_by_default_all_requests_except_static_and_media_files_are_recorded(client, outbox):
    for path in ("/ok/", "/nowhere/", "/static/a.css", "/media/a.png"):
        client.get(path)
    assert actions(outbox) == ["GET_OK", "GET_UNRESOLVED"]


@pytest.mark.parametrize("url", ["/", "https://cdn.example.org/static/", None])
def test_a_static_url_without_a_path_excludes_no_request(client, settings, outbox, url):
    settings.STATIC_URL = url
    client.get("/ok/")
    assert actions(outbox) == ["GET_OK"]


@pytest.mark.parametrize("url", ["", "static/", "/app/static/"])
def test_under_a_script_prefix_only_files_are_excluded(client, settings, outbox, url):
    settings.STATIC_URL, settings.MEDIA_URL = url, ""
    set_script_prefix("/app/")  # A server does this for each request.
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
def test_the_default_action_is_made_of_method_and_view(visit, path, action):
    assert visit([{}], path) == [action]


def test_the_first_matching_rule_applies(visit):
    rules = [{"path": "^/ok", "log": False}, {"path": "ok", "action": "A"}, {"action": "B"}]
    assert visit(rules, "/ok/", "/aok/", "/redirect/") == ["A", "B"]


def test_defaults_stands_for_the_default_rules(visit):
    rules = [{"path": "ok", "action": "OK"}, "defaults"]
    recorded = visit(rules, "/ok/", "/static/a", "/favicon.ico", "/nowhere/")
    assert recorded == ["OK", "GET_UNRESOLVED"]


def test_a_rule_for_the_end_of_a_path_does_not_match_a_cut_path(visit):
    rules = [{"path": "x$", "action": "END"}, {"path": "^/x", "action": "BEGINNING"}]
    paths = ("/" + "x" * 2047, "/" + "x" * 2048, "/" + "x" * 100_000)
    assert visit(rules, *paths) == ["END", "BEGINNING", "BEGINNING"]


def test_long_paths_to_files_are_excluded_too(client, outbox):
    client.get("/static/" + "x" * 5000)
    assert actions(outbox) == []


def test_a_request_that_matches_no_rule_is_not_recorded(visit):
    assert visit([{"path": "^/ok"}], "/redirect/", "/ok/") == ["GET_OK"]


def test_view_is_a_glob_over_names_with_namespaces(visit):
    assert visit([{"view": "shop:*"}], "/shop/orders/1/", "/ok/", "/nowhere/") == [
        "GET_SHOP_ORDER_DETAIL"
    ]


def test_methods_are_compared_without_case(visit):
    assert visit([{"methods": ["put"]}], "/ok/") == []
    assert visit([{"methods": ["put"]}], "/ok/", method="PUT") == ["PUT_OK"]


@pytest.mark.parametrize("status", ["4xx", 404, "404", ["5xx", 404]])
def test_a_rule_matches_by_status_code_or_class(visit, status):
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
def test_a_rule_matches_by_kind_of_user(settings, outbox, kind, names):
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


@pytest.mark.parametrize("when", [wants_log, "tests.middleware.test_rules.wants_log"])
def test_a_rule_matches_by_a_callable_or_its_dotted_path(visit, when):
    assert visit([{"when": when}], "/ok/", "/ok/?yes=1") == ["GET_OK"]


def test_placeholders_in_an_action_are_replaced(visit):
    assert visit([{"action": "SHOP_{method}_{view}_{status}"}], "/ok/", "/nowhere/") == [
        "SHOP_GET_OK_200",
        "SHOP_GET_UNRESOLVED_404",
    ]


def name_action(request, response):
    """Return an action of the site, in one of the ways in which a function can be wrong."""
    results = {"none": None, "empty": " ", "long": "X" * 256, "ok": f"SHOWN_{response.status_code}"}
    return results[request.GET["return"]]


@pytest.mark.parametrize("action", [name_action, f"{__name__}.name_action"])
def test_an_action_may_be_a_callable_or_its_dotted_path(visit, action):
    assert visit([{"action": action}], "/ok/?return=ok") == ["SHOWN_200"]


@pytest.mark.parametrize("result", ["none", "empty", "long", "error"])
def test_the_default_action_replaces_a_wrong_one_of_a_callable(visit, caplog, result):
    assert visit([{"action": name_action}], f"/ok/?return={result}") == ["GET_OK"]
    assert "a rule's 'action'" in caplog.text


@pytest.mark.parametrize("action", ["order.paid", "order.{view}", "v1.0", "tests"])
def test_a_text_with_dots_is_an_action_unless_it_begins_with_a_module(visit, action):
    assert visit([{"action": action}], "/ok/") == [action.format(view="OK")]


def test_extra_takes_precedence_over_fields_and_is_masked(visit, outbox):
    visit([{"extra": {"team": "a", "token": "x", "ip": "hidden"}}], "/ok/")
    assert (outbox[0].extra["team"], outbox[0].extra["ip"]) == ("a", "hidden")
    assert "x" not in outbox[0].extra["token"]


def test_extra_may_be_a_callable(visit, outbox):
    visit([{"extra": lambda request, response: {"size": len(response.content)}}], "/ok/")
    assert outbox[0].extra["size"] == 2


def test_a_sample_contains_its_share_of_the_requests_and_every_error(visit):
    recorded = visit([{"sample": 0.5}], *["/ok/"] * 200, "/missing/", "/crash/")
    assert 50 <= recorded.count("GET_OK") <= 150
    assert recorded[-2:] == ["GET_MISSING", "GET_CRASH"]


def test_only_the_enabled_fields_are_recorded(client, settings, outbox):
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
    ({"when": "tests.views.aok"}, "eventlog.E002", "plain (not async) function"),
    ({"log": "no"}, "eventlog.E002", "bool"),
    ({"sample": 2}, "eventlog.E006", "between 0 and 1"),
    ({"sample": "half"}, "eventlog.E002", "number"),
    ({"sample": True}, "eventlog.E002", "number"),
    ({"action": ""}, "eventlog.E006", "action"),
    ({"action": "X" * 256}, "eventlog.E006", "255"),
    ({"action": "{path}"}, "eventlog.E006", "method, view, status"),
    ({"action": "{"}, "eventlog.E006", "action"),
    ({"action": 7}, "eventlog.E002", "a function"),
    ({"action": "tests.paid"}, "eventlog.E004", "replace the dots"),
    ({"action": "tests.settings.DB"}, "eventlog.E002", "function"),
    ({"action": "{method:d}"}, "eventlog.E006", "cannot be formatted"),
    ({"action": "{method:.0}"}, "eventlog.E006", "could give an empty action"),
    ({"extra": 7}, "eventlog.E002", "'extra' is 7"),
    ({"extra": "no.such.thing"}, "eventlog.E004", "no.such.thing"),
    ("^/path", "eventlog.E002", "not a dict"),
]


@pytest.mark.parametrize(("raw", "check_id", "named"), WRONG)
def test_an_invalid_rule_raises_with_its_place_value_and_fix(raw, check_id, named):
    with pytest.raises(Misconfigured) as caught:
        compile_rule("EVENTLOG['REQUESTS'][0]", raw)
    assert caught.value.check_id == check_id
    assert caught.value.message.startswith("EVENTLOG['REQUESTS'][0]")
    assert named in str(caught.value)


def test_these_are_the_keys_of_a_rule():
    assert set(KEYS) == {
        "path", "view", "methods", "status", "user", "when", "log", "sample", "action", "extra",
        "load_user",
    }  # fmt: skip


def test_a_rule_without_conditions_matches_everything(rf):
    assert Rule().matches(rf.get("/"), None, AnonymousUser())
