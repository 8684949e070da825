import pytest
from django.core import checks
from django.core.management import call_command

from eventlog.checks import check_settings
from eventlog.contrib.sign_ins.connect_receivers import disconnect

OURS = "eventlog.middleware.EventLogMiddleware"


def ids(messages):
    return [message.id for message in messages]


@pytest.mark.django_db
def test_no_settings_are_valid(settings):
    assert check_settings() == []
    call_command("check", fail_level="WARNING")


def test_valid_values_of_all_settings_pass(settings):
    settings.EVENTLOG = {
        "ENABLED": True,
        "BACKEND": "eventlog.backends.locmem.LocMemBackend",
        "OPTIONS": {},
        "REQUESTS": [
            {"path": r"^/healthz$", "log": False},
            {"view": "shop:*", "methods": ["POST"], "action": "SHOP_{method}"},
            {"view": "ok", "status": "5xx"},
            {"user": "authenticated", "sample": 0.1},
            {"when": "tests.middleware.test_rules.wants_log"},
            {},
        ],
        "FIELDS": ["ip", "path"],
        "TRUSTED_PROXIES": ["10.0.0.0/8", "unix"],
        "PROXY_HEADERS": ["X-Forwarded-For"],
        "REQUEST_ID_HEADERS": ["X-Amzn-Trace-Id"],
        "ANONYMIZE_IP": True,
        "REDACT": ["shoe_size"],
        "REDACT_EXCEPT": ["page_token"],
        "ENRICH": False,
        "ACCESS": {"view": True, "export": False},
        "SIGN_INS": {"logged_in": "LOGIN", "logged_out": None},
        "RETENTION": {
            "minimum": "30d",
            "hold": ["user:anna from:2026-01-01", "obj:shop.removed"],
            "rules": [
                {"action": ["EVENTLOG_*", "LOGIN"], "keep": "forever"},
                {"search": "is:event status:>=400", "anonymize": "30d", "keep": "forever"},
                {"anonymize": "720h", "keep": "52w"},
            ],
        },
    }
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.sign_ins"]
    assert check_settings() == []
    disconnect()


def test_names_for_sign_ins_without_the_app_are_reported(settings):
    settings.EVENTLOG = {"SIGN_INS": {"logged_in": "LOGIN"}}
    (message,) = check_settings()
    assert message.id == "eventlog.W014"
    assert "'eventlog.contrib.sign_ins'" in message.msg


@pytest.mark.parametrize(
    ("wrong", "check_id", "named"),
    [
        ({"REQEUSTS": []}, "eventlog.E001", ["'REQEUSTS'", "'REQUESTS'"]),
        ({"requests": []}, "eventlog.E001", ["'requests'", "'REQUESTS'"]),
        ({"FIELDS": ["ipp"]}, "eventlog.E001", ["FIELDS", "'ipp'", "'ip'"]),
        ({"REQUESTS": [{"pth": "x"}]}, "eventlog.E001", ["REQUESTS'][0]", "'pth'", "'path'"]),
        ([], "eventlog.E002", ["EVENTLOG is []", "dict"]),
        ({"ENABLED": "no"}, "eventlog.E002", ["ENABLED", "'no'", "True or False"]),
        ({"BACKEND": 7}, "eventlog.E002", ["BACKEND", "7", "dotted path"]),
        ({"OPTIONS": 7}, "eventlog.E002", ["OPTIONS", "7"]),
        ({"REQUESTS": "x"}, "eventlog.E002", ["REQUESTS", "'x'", "list of rules"]),
        ({"FIELDS": "ip"}, "eventlog.E002", ["FIELDS", "'ip'"]),
        ({"TRUSTED_PROXIES": "10.0.0.1"}, "eventlog.E002", ["TRUSTED_PROXIES", "'10.0.0.1'"]),
        ({"TRUSTED_PROXIES": True}, "eventlog.E002", ["TRUSTED_PROXIES", "True"]),
        ({"PROXY_HEADERS": [7]}, "eventlog.E002", ["PROXY_HEADERS", "7"]),
        ({"REQUEST_ID_HEADERS": "X-ID"}, "eventlog.E002", ["REQUEST_ID_HEADERS", "'X-ID'"]),
        ({"REQUEST_ID_HEADERS": ["HTTP_X_ID"]}, "eventlog.E040", ["_HEADERS", "'HTTP_X_ID'"]),
        ({"PROXY_HEADERS": ["X-Real-IP:"]}, "eventlog.E040", ["PROXY_HEADERS", "'X-Real-IP:'"]),
        ({"ANONYMIZE_IP": "yes"}, "eventlog.E002", ["ANONYMIZE_IP", "'yes'", "True or False"]),
        ({"REDACT": "password"}, "eventlog.E002", ["REDACT", "'password'"]),
        ({"REDACT_EXCEPT": "token"}, "eventlog.E002", ["REDACT_EXCEPT", "'token'"]),
        ({"ENRICH": 1}, "eventlog.E002", ["ENRICH", "1"]),
        ({"ACCESS": True}, "eventlog.E002", ["ACCESS", "True", "{'view': True}"]),
        ({"ACCESS": ["view"]}, "eventlog.E002", ["ACCESS", "['view']", "dict"]),
        ({"ACCESS": {"view": "on"}}, "eventlog.E002", ["'view'", "'on'", "True or False"]),
        ({"ACCESS": {"views": True}}, "eventlog.E001", ["ACCESS", "'views'", "'view'"]),
        ({"SIGN_INS": "owasp"}, "eventlog.E002", ["SIGN_INS", "'owasp'", "dict of names"]),
        ({"RETENTION": "30d"}, "eventlog.E002", ["RETENTION", "'30d'", "list of rules"]),
        ({"RETENTION": {"rules": {}}}, "eventlog.E002", ["['rules'] is {}", "list of rules"]),
        ({"RETENTION": ["30d"]}, "eventlog.E002", ["RETENTION'][0]", "'30d'", "'keep'"]),
        ({"RETENTION": {"minimun": "1d"}}, "eventlog.E001", ["'minimun'", "'minimum'"]),
        ({"RETENTION": [{"keeps": "1d"}]}, "eventlog.E001", ["[0]", "'keeps'", "'keep'"]),
        ({"RETENTION": [{"action": 7, "keep": "1d"}]}, "eventlog.E002", ["['action'] is 7"]),
        ({"RETENTION": [{"action": "*_A", "keep": "1d"}]}, "eventlog.E002", ["last character"]),
        ({"RETENTION": [{"search": 7, "keep": "1d"}]}, "eventlog.E002", ["['search'] is 7"]),
        ({"RETENTION": {"hold": [7]}}, "eventlog.E002", ["['hold'] is [7]"]),
        ({"RETENTION": [{"keep": 30}]}, "eventlog.E060", ["[0]['keep'] is 30", "'180d'"]),
        ({"RETENTION": [{"keep": "1y"}]}, "eventlog.E060", ["'1y'", "'52w'"]),
        ({"RETENTION": {"minimum": "x"}}, "eventlog.E060", ["['minimum'] is 'x'"]),
        ({"RETENTION": [{"anonymize": None}]}, "eventlog.E060", ["['anonymize'] is None"]),
        ({"RETENTION": [{"action": "A"}]}, "eventlog.E060", ["'keep' or 'anonymize'", "forever"]),
        ({"RETENTION": [{"anonymize": "9d", "keep": "9d"}]}, "eventlog.E060", ["before it would"]),
        (
            {"RETENTION": {"minimum": "2d", "rules": [{"anonymize": "36h", "keep": "9d"}]}},
            "eventlog.E060",
            ["['rules'][0]", "age of 36h", "minimum is 2d"],
        ),
        ({"RETENTION": [{"search": "", "keep": "1d"}]}, "eventlog.E061", ["search is empty"]),
        ({"RETENTION": [{"search": "(", "keep": "1d"}]}, "eventlog.E061", ["[0]['search'] is '('"]),
        ({"RETENTION": [{"search": "usr:a", "keep": "1d"}]}, "eventlog.E061", ["key 'usr'"]),
        ({"RETENTION": [{"search": "login", "keep": "1d"}]}, "eventlog.E061", ["Write a key"]),
        ({"RETENTION": [{"search": "-last:1d", "keep": "1d"}]}, "eventlog.E061", ["from: and to:"]),
        ({"RETENTION": {"hold": "status:4O4"}}, "eventlog.E061", ["['hold'] is 'status:4O4'"]),
        ({"RETENTION": [{"keep": "1d"}, {"keep": "2d"}]}, "eventlog.W060", ["rule 2", "rule 1"]),
        ({"REQUESTS": [{"path": "("}]}, "eventlog.E003", ["'('", "regular expression"]),
        ({"REQUESTS": [{"when": "no.such"}]}, "eventlog.E004", ["'when'", "'no.such'"]),
        ({"BACKEND": "no.such.Backend"}, "eventlog.E004", ["BACKEND", "no.such.Backend"]),
        ({"OPTIONS": {"x": 1}}, "eventlog.E005", ["OPTIONS", "'x'"]),
        ({"REQUESTS": [{"user": "admin"}]}, "eventlog.E006", ["'admin'", "superuser"]),
        ({"REQUESTS": [{"methods": "POST, PUT"}]}, "eventlog.E006", ["'POST, PUT'", "Use a list"]),
        ({"REQUESTS": [{"action": "A_{status:d}"}]}, "eventlog.E006", ["cannot be formatted"]),
        ({"TRUSTED_PROXIES": ["nginx"]}, "eventlog.E007", ["TRUSTED_PROXIES", "'nginx'"]),
        ({"TRUSTED_PROXIES": [10]}, "eventlog.E007", ["TRUSTED_PROXIES", "10"]),
        ({"REQUESTS": [{"view": "shop:ordr-detail"}, {}]}, "eventlog.W012", ["shop:order-detail"]),
        ({"REQUESTS": [{"methods": "GETT"}, {}]}, "eventlog.W007", ["[0]", "'GETT'", "'GET'"]),
        ({"REQUESTS": [{"methods": ["PROPFIN"]}, {}]}, "eventlog.W007", ["'PROPFIND'"]),
        ({"REQUESTS": [{"methods": ["ZZZZ"]}, {}]}, "eventlog.W007", ["'ZZZZ'", "silence"]),
        ({"REQUESTS": [{"methods": []}]}, "eventlog.W009", ["[0]", "'methods'", "[]"]),
        ({"REQUESTS": [{"status": ()}]}, "eventlog.W009", ["'status'", "()"]),
        ({"REQUESTS": [{"path": ""}]}, "eventlog.W009", ["'path'", "''"]),
        ({"REQUESTS": [{"methods": ["GET", "get"]}, {}]}, "eventlog.W009", ["twice"]),
        ({"REQUESTS": [{"status": [404, "404"]}, {}]}, "eventlog.W009", ["twice"]),
        ({"REQUESTS": [{}, {"path": "x"}]}, "eventlog.W008", ["[1]", "[0]"]),
        ({"REQUESTS": [{"path": "x"}, {"path": "x"}, {}]}, "eventlog.W008", ["[1]", "[0]"]),
        ({"REQUESTS": [{"status": "4xx"}, {"status": 404}, {}]}, "eventlog.W008", ["[1]"]),
        (
            {"REQUESTS": [{"view": "shop:*"}, {"view": "shop:order-detail"}, {}]},
            "eventlog.W008",
            [],
        ),
        ({"REQUESTS": [{"path": "x"}]}, "eventlog.W005", ["404", "500", "{}", "'log': False"]),
        ({"REQUESTS": ["default"]}, "eventlog.E002", ["'default'", "'defaults'"]),
        ({"REQUESTS": ["defaults", {"path": "x"}]}, "eventlog.W008", ["[1]", "[0]"]),
        ({"REQUESTS": [{"log": False}]}, "eventlog.W005", ["REQUESTS", "{}", "'defaults'"]),
        ({"REQUESTS": [{"pth": "x"}]}, "eventlog.E001", ["'pth'", "'path'"]),
        ({"REQUESTS": [{"log": False}, {"pth": "x"}]}, "eventlog.E001", ["'pth'"]),
    ],
)
def test_an_invalid_value_is_reported_with_its_key_and_the_fix(settings, wrong, check_id, named):
    settings.EVENTLOG = wrong
    (message,) = check_settings()
    assert message.id == check_id
    assert all(word in f"{message.msg} {message.hint}" for word in named)


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{}],
        [{"path": "x"}, {"log": False}],
        [{"methods": ["PROPFIND", "VERSION-CONTROL", "get"]}, {}],
        [{"path": "x", "sample": 0.5}, {"path": "y"}, {}],
        [{"status": 404}, {"status": "4xx"}, {}],
        [{"methods": ["GET"]}, {"methods": ["GET", "POST"]}, {}],
        [{"methods": ["GET"], "path": "x"}, {"methods": ["GET"]}, {}],
        [{"view": "shop:order-detail"}, {"view": "shop:*"}, {}],
        [{"view": "ok", "when": "tests.middleware.test_rules.wants_log"}, {"view": "ok"}, {}],
        [{"user": "staff"}, {"user": "authenticated"}, {}],
        [{"view": "tests.views.logged_template"}, {}],
        [{"view": "admin:*"}, {}],
    ],
)
def test_valid_rules_pass(settings, rules):
    settings.EVENTLOG = {"REQUESTS": rules}
    assert check_settings() == []


@pytest.mark.parametrize("urlconf", ["no.such.urls", "tests.urls_broken"])
def test_views_are_not_checked_when_the_urlconf_cannot_be_loaded(settings, urlconf):
    settings.ROOT_URLCONF = urlconf
    settings.EVENTLOG = {"REQUESTS": [{"view": "ok"}, {}]}
    assert check_settings() == []


@pytest.mark.django_db
def test_a_view_of_another_urlconf_gives_a_warning_only(settings):
    settings.EVENTLOG = {"REQUESTS": [{"view": "api:detail"}, {"methods": "GETT"}, {}]}
    call_command("check")
    settings.SILENCED_SYSTEM_CHECKS = ["eventlog.W007", "eventlog.W012"]
    call_command("check", fail_level="WARNING")


def test_the_rule_of_a_decorated_view_is_checked(settings):
    settings.ROOT_URLCONF = "tests.urls_typo"
    (message,) = check_settings()
    assert (message.id, "'typo'" in message.msg) == ("eventlog.W007", True)


def test_all_invalid_rules_are_reported_together(settings):
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
def test_a_site_behind_an_untrusted_proxy_gets_a_warning(settings, name, value):
    setattr(settings, name, value)
    (message,) = check_settings()
    assert (message.id, name in message.msg) == ("eventlog.W003", True)
    settings.EVENTLOG = {"TRUSTED_PROXIES": 1}
    assert check_settings() == []
    settings.EVENTLOG = {"FIELDS": ["path"]}
    assert check_settings() == []


def test_the_middleware_below_another_that_answers_gives_a_warning(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[1:], OURS]
    (message,) = check_settings()
    assert message.id == "eventlog.W002"
    assert "SessionMiddleware" in message.msg


def test_installing_the_middleware_twice_is_an_error(settings):
    settings.MIDDLEWARE = [OURS, *settings.MIDDLEWARE]
    assert ids(check_settings()) == ["eventlog.E009"]


def test_a_rule_for_users_without_authentication_gives_a_warning(settings):
    settings.EVENTLOG = {"REQUESTS": [{"user": "staff"}]}
    settings.MIDDLEWARE = [OURS]
    assert ids(check_settings()) == ["eventlog.W004", "eventlog.W005"]


class Apart:
    """A router with a separate database for events."""

    def db_for_write(self, model, **hints):
        return "events" if model._meta.app_label == "eventlog" else "default"


def test_a_separate_database_for_events_passes(settings):
    settings.DATABASE_ROUTERS = [Apart()]
    assert check_settings() == []


@pytest.mark.django_db
def test_the_checks_are_registered(settings):
    settings.EVENTLOG = {"REQEUSTS": []}
    assert "eventlog.E001" in ids(checks.run_checks())


WRONG_VALUES = {
    "a path of a backend that begins with a dot": {"BACKEND": "..backends.Backend"},
    "a path of a function that begins with a dot": {"REQUESTS": [{"when": "..rules.wanted"}]},
    "a number of repetitions that no expression has": {"REQUESTS": [{"path": "a{4294967296}"}]},
    "an expression with too many brackets": {"REQUESTS": [{"path": "(" * 2000}]},
    "a width that no memory holds": {"REQUESTS": [{"action": "{view:99999999999}"}]},
    "a set, which JSON lacks": {"REQUESTS": [{"extra": {"tags": {"a"}}}]},
    "a number that JSON lacks": {"REQUESTS": [{"extra": {"share": float("nan")}}]},
    "an empty part of names": {"REDACT": [""]},
    "a table of ClickHouse that is not a dict": {"CLICKHOUSE": "eventlog"},
    "a rule of retention for no action": {"RETENTION": [{"action": [], "keep": "30d"}]},
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_a_value_that_cannot_be_used_is_reported_with_its_key(settings, name):
    settings.EVENTLOG = WRONG_VALUES[name]
    (key,) = settings.EVENTLOG
    (message,) = [each for each in check_settings() if each.level >= checks.ERROR]
    assert key in message.msg and message.hint


WRONG_OPTIONS = [
    ("buffered.BufferedBackend", "spool", ""),
    ("buffered.BufferedBackend", "spool", " "),
    ("buffered.BufferedBackend", "spool", "a\0b"),
    ("buffered.BufferedBackend", "spool", "\ud800"),
    ("buffered.BufferedBackend", "spool", "x" * 300),
    ("buffered.BufferedBackend", "fsync", "False"),
    ("buffered.BufferedBackend", "interval", True),
    ("tasks.TasksBackend", "alias", ["default"]),
    ("tasks.TasksBackend", "queue", None),
    ("celery.CeleryBackend", "queue", 1),
]


@pytest.mark.parametrize(("backend", "option", "value"), WRONG_OPTIONS)
def test_an_option_that_cannot_be_used_is_reported_with_its_name(settings, backend, option, value):
    settings.EVENTLOG = {"BACKEND": f"eventlog.backends.{backend}", "OPTIONS": {option: value}}
    (message,) = check_settings()
    assert message.id in ("eventlog.E005", "eventlog.E010") and option in message.msg
