from unittest.mock import patch

import pytest
from django.conf import settings as site
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

from eventlog.conf import conf
from eventlog.metadata.captured import secret_ways
from eventlog.middleware import EventLogMiddleware
from eventlog.models import log
from eventlog.rules import deciding


def test_a_setting_that_changes_is_read_anew(settings):
    settings.EVENTLOG = {"FIELDS": ["ip"]}
    assert conf.fields == ["ip"]
    with override_settings(EVENTLOG={"FIELDS": ["path"]}):
        assert conf.fields == ["path"]
    assert conf.fields == ["ip"]


def test_one_that_nobody_speaks_of_is_read_anew_for_the_next_event(client, outbox, monkeypatch):
    client.get("/ok/")
    monkeypatch.setattr(site, "EVENTLOG", {**site.EVENTLOG, "FIELDS": ["ip"]})
    client.get("/ok/")
    monkeypatch.undo()
    client.get("/ok/")
    assert [len(event.extra) > 1 for event in outbox] == [True, False, True]


def test_so_is_one_that_changes_within_the_dict(client, outbox):
    log(None, "X", {"pesel": "hunter2"})
    with patch.dict(site.EVENTLOG, {"REDACT": ["pesel"]}):
        log(None, "X", {"pesel": "hunter2"})
        client.get("/ok/?pesel=hunter2")
    log(None, "X", {"pesel": "hunter2"})
    assert ["hunter2" in str(event.extra) for event in outbox] == [True, False, False, True]


def test_a_setting_that_changes_while_it_is_read_is_read_again(settings):
    class Changing(dict):
        def get(self, key, default):
            settings.EVENTLOG = {key: "new"}
            return super().get(key, default)

    settings.EVENTLOG = Changing(BACKEND="old")
    assert conf.backend == "old"
    assert conf.backend == "new"


@pytest.mark.parametrize("name", ["STATIC_URL", "MEDIA_URL"])
def test_the_default_rules_follow_the_urls_of_files(client, outbox, settings, name):
    client.get("/elsewhere/x")
    setattr(settings, name, "/elsewhere/")
    client.get("/elsewhere/x")
    assert len(outbox) == 1


def test_a_file_is_one_wherever_a_middleware_sends_it(outbox):
    known = deciding._all_but_files.cache_info().currsize
    for number in range(3):
        request = RequestFactory().get(f"/static/{number}")
        request.path_info = "/elsewhere/"
        EventLogMiddleware(lambda request: HttpResponse())(request)
    assert outbox == []
    assert deciding._all_but_files.cache_info().currsize <= known + 1  # none for a visitor's path


def test_what_is_remembered_of_a_path_follows_from_one_redact(outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"REDACT": ["page"]}
    settings.ROOT_URLCONF = "tests.urls_own"
    request = RequestFactory().get("/")
    ways = secret_ways(request)
    settings.EVENTLOG = settings.EVENTLOG | {"REDACT": []}
    assert ways.captured_in("/book/hunter2/") == {"hunter2"}
    assert secret_ways(request).captured_in("/book/hunter2/") == set()
