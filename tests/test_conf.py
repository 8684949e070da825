import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

from eventlog.conf import conf
from eventlog.metadata.url_secrets import secret_patterns
from eventlog.middleware import EventLogMiddleware


def test_a_setting_that_changes_is_read_again(settings):
    settings.EVENTLOG = {"FIELDS": ["ip"]}
    assert conf.fields == ["ip"]
    with override_settings(EVENTLOG={"FIELDS": ["path"]}):
        assert conf.fields == ["path"]
    assert conf.fields == ["ip"]


def test_a_setting_that_changes_during_a_read_is_read_again(settings):
    class Changing(dict):
        def get(self, key, default):
            settings.EVENTLOG = {key: "new"}
            return super().get(key, default)

    settings.EVENTLOG = Changing(BACKEND="old")
    assert conf.backend == "old"
    assert conf.backend == "new"


@pytest.mark.parametrize("name", ["STATIC_URL", "MEDIA_URL"])
def test_the_default_rules_follow_the_settings(client, outbox, settings, name):
    client.get("/elsewhere/x")
    setattr(settings, name, "/elsewhere/")
    client.get("/elsewhere/x")
    assert len(outbox) == 1


def test_a_request_for_a_file_is_not_recorded_even_if_a_middleware_changes_its_path(outbox):
    request = RequestFactory().get("/static/a")
    request.path_info = "/elsewhere/"
    EventLogMiddleware(lambda request: HttpResponse())(request)
    assert outbox == []


def test_captured_secrets_are_remembered_for_one_value_of_redact(outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"REDACT": ["page"]}
    settings.ROOT_URLCONF = "tests.urls_own"
    request = RequestFactory().get("/")
    ways = secret_patterns(request)
    settings.EVENTLOG = settings.EVENTLOG | {"REDACT": []}
    assert ways.captured_in("/book/hunter2/") == {"hunter2"}
    assert secret_patterns(request).captured_in("/book/hunter2/") == set()
