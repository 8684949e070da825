import pytest
from django.core import checks
from django.core.management import call_command

from eventlog.checks import check_settings

OURS = "eventlog.middleware.EventLogMiddleware"


def ids(messages):
    return [message.id for message in messages]


def test_a_site_that_sets_nothing_has_an_empty_setting(settings):
    """What is not set takes Django long to look up, each time."""
    assert settings.EVENTLOG == {}


@pytest.mark.django_db
def test_without_settings_all_is_well(settings):
    assert check_settings() == []
    call_command("check", fail_level="WARNING")


def test_the_whole_of_the_settings_is_well(settings):
    settings.EVENTLOG = {
        "BACKEND": "eventlog.backends.locmem.LocMemBackend",
        "OPTIONS": {},
        "REQUESTS": [
            {"path": r"^/healthz$", "log": False},
            {"view": "shop:*", "methods": ["POST"], "action": "SHOP_{method}"},
            {"view": "ok", "status": "5xx"},
            {"user": "authenticated", "sample": 0.1},
            {"when": "tests.test_rules.wants_log"},
        ],
        "FIELDS": ["ip", "path"],
        "TRUSTED_PROXIES": ["10.0.0.0/8", "unix"],
        "PROXY_HEADERS": ["X-Forwarded-For"],
        "ANONYMIZE_IP": True,
        "REDACT": ["shoe_size"],
        "ENRICH": False,
    }
    assert check_settings() == []


@pytest.mark.parametrize(
    ("wrong", "check_id", "named"),
    [
        ({"REQEUSTS": []}, "eventlog.E001", ["'REQEUSTS'", "'REQUESTS'"]),
        ({"requests": []}, "eventlog.E001", ["'requests'", "'REQUESTS'"]),
        ({"FIELDS": ["ipp"]}, "eventlog.E001", ["FIELDS", "'ipp'", "'ip'"]),
        ({"REQUESTS": [{"pth": "x"}]}, "eventlog.E001", ["REQUESTS'][0]", "'pth'", "'path'"]),
        ([], "eventlog.E002", ["EVENTLOG is []", "dict"]),
        ({"BACKEND": 7}, "eventlog.E002", ["BACKEND", "7", "dotted path"]),
        ({"OPTIONS": 7}, "eventlog.E002", ["OPTIONS", "7"]),
        ({"REQUESTS": "x"}, "eventlog.E002", ["REQUESTS", "'x'", "list of rules"]),
        ({"FIELDS": "ip"}, "eventlog.E002", ["FIELDS", "'ip'"]),
        ({"TRUSTED_PROXIES": "10.0.0.1"}, "eventlog.E002", ["TRUSTED_PROXIES", "'10.0.0.1'"]),
        ({"TRUSTED_PROXIES": True}, "eventlog.E002", ["TRUSTED_PROXIES", "True"]),
        ({"PROXY_HEADERS": [7]}, "eventlog.E002", ["PROXY_HEADERS", "7"]),
        ({"ANONYMIZE_IP": "yes"}, "eventlog.E002", ["ANONYMIZE_IP", "'yes'", "True or False"]),
        ({"REDACT": "password"}, "eventlog.E002", ["REDACT", "'password'"]),
        ({"ENRICH": 1}, "eventlog.E002", ["ENRICH", "1"]),
        ({"REQUESTS": [{"path": "("}]}, "eventlog.E003", ["'('", "regular expression"]),
        ({"REQUESTS": [{"when": "no.such"}]}, "eventlog.E004", ["'when'", "'no.such'"]),
        ({"BACKEND": "no.such.Backend"}, "eventlog.E004", ["BACKEND", "no.such.Backend"]),
        ({"OPTIONS": {"x": 1}}, "eventlog.E005", ["OPTIONS", "'x'"]),
        ({"REQUESTS": [{"user": "admin"}]}, "eventlog.E006", ["'admin'", "superuser"]),
        ({"REQUESTS": [{"methods": "POST, PUT"}]}, "eventlog.E006", ["'POST, PUT'", "Give a list"]),
        ({"REQUESTS": [{"action": "A_{status:d}"}]}, "eventlog.E006", ["cannot be filled in"]),
        ({"TRUSTED_PROXIES": ["nginx"]}, "eventlog.E007", ["TRUSTED_PROXIES", "'nginx'"]),
        ({"TRUSTED_PROXIES": [10]}, "eventlog.E007", ["TRUSTED_PROXIES", "10"]),
        ({"REQUESTS": [{"view": "shop:ordr-detail"}]}, "eventlog.E008", ["shop:order-detail"]),
        ({"REQUESTS": [{"log": False}]}, "eventlog.W005", ["REQUESTS", "{}"]),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_the_fix(settings, wrong, check_id, named):
    settings.EVENTLOG = wrong
    (message,) = check_settings()
    assert message.id == check_id
    assert all(word in f"{message.msg} {message.hint}" for word in named)


def test_every_wrong_rule_is_named_at_once(settings):
    settings.EVENTLOG = {"REQUESTS": [{"path": "("}, {"sample": 7}]}
    assert ids(check_settings()) == ["eventlog.E003", "eventlog.E006"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
def test_a_site_behind_a_proxy_has_to_trust_it(settings, name, value):
    setattr(settings, name, value)
    (message,) = check_settings()
    assert (message.id, name in message.msg) == ("eventlog.W003", True)
    settings.EVENTLOG = {"TRUSTED_PROXIES": 1}
    assert check_settings() == []
    settings.EVENTLOG = {"FIELDS": ["path"]}
    assert check_settings() == []


def test_middleware_below_what_it_has_to_see(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[1:], OURS]
    (message,) = check_settings()
    assert message.id == "eventlog.W002"
    assert "SessionMiddleware" in message.msg


def test_middleware_twice(settings):
    settings.MIDDLEWARE = [OURS, *settings.MIDDLEWARE]
    assert ids(check_settings()) == ["eventlog.E009"]


def test_a_rule_for_users_needs_to_know_them(settings):
    settings.EVENTLOG = {"REQUESTS": [{"user": "staff"}]}
    settings.MIDDLEWARE = [OURS]
    assert ids(check_settings()) == ["eventlog.W004"]


class Apart:
    """Events have a database of their own."""

    def db_for_write(self, model, **hints):
        return "events" if model._meta.app_label == "eventlog" else "default"


def test_events_apart_from_users_and_content_types(settings):
    settings.DATABASE_ROUTERS = [Apart()]
    assert ids(check_settings()) == ["eventlog.W006", "eventlog.W006"]


@pytest.mark.django_db
def test_it_is_registered(settings):
    settings.EVENTLOG = {"REQEUSTS": []}
    assert "eventlog.E001" in ids(checks.run_checks())
