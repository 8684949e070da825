"""Secrets in paths, queries and referers are masked, and long texts are cut."""

import pytest
from django.urls import clear_script_prefix, set_script_prefix
from django.utils import translation

from eventlog.text import MAX_PATH_LENGTH


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/shop/reset/hunter2/", "/shop/reset/********/"),
        ("/shop/otp/042137/", "/shop/otp/********/"),
        ("/shop/invite-hunter2/", "/shop/invite-********/"),
        ("/shop/ticket/deadbeef99/", "/shop/ticket/********/"),  # The view gets a number.
    ],
)
def test_a_secret_in_a_path_is_masked_in_path_and_referer(client, outbox, path, masked):
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    assert outbox[0].extra["path"] == masked
    assert outbox[0].extra["referer"] == f"https://testserver{masked}"


@pytest.mark.parametrize(
    "path",
    ["/reset/MQ/hunter2/", "/de/reset/MQ/hunter2/", "/en/reset/MQ/hunter2"],
)
def test_a_secret_after_a_language_prefix_is_masked(client, outbox, settings, path):
    settings.ROOT_URLCONF = "tests.urls_translated"
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    assert "hunter2" not in str(outbox[0].extra)


def test_a_secret_in_a_translated_path_is_masked(client, outbox, settings):
    settings.ROOT_URLCONF = "tests.urls_translated"
    for language, path in (("en", "/new/hunter2/"), ("de", "/neu/hunter2/")):
        with translation.override(language):
            client.get("/nowhere/", HTTP_REFERER=f"https://testserver{path}")
            client.get(path)
    assert [event.extra.get("status") for event in outbox] == [404, 200, 404, 200]
    assert "hunter2" not in str([event.extra for event in outbox])


def test_a_secret_in_a_custom_pattern_is_masked_in_every_language(client, outbox, settings):
    settings.ROOT_URLCONF = "tests.urls_own"
    for language in ("en", "de"):
        with translation.override(language):
            client.get("/", HTTP_REFERER=f"https://testserver/in-{language}/code/hunter2/")
    assert [event.extra["referer"] for event in outbox] == [
        "https://testserver/in-en/code/********/",
        "https://testserver/in-de/code/********/",
    ]


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/lazy/hunter2secret/", "/lazy/********/"),
        ("/optional/hunter2secret/", "/optional/********/"),
        ("/optional/hunter2secret", "/optional/********"),
        ("/either/1234567890abcdef/", "/either/********/"),
        ("/page/hunter2secret/", "/page/********/"),
        ("/page/hunter2secret/7/", "/page/********/7/"),
        ("/api/hunter2/", "/api/********/"),
        ("/api/users/5/", "/api/users/5/"),
        ("/my-first-talk/", "/my-first-talk/"),
        ("/MQ-1sHgKl-9f86d081884c7d659a2feaa0c55ad015/", "/********/"),
        ("/wp-admin/setup.php", "/wp-admin/setup.php"),
    ],
)
def test_a_secret_is_masked_for_every_form_of_pattern(client, outbox, settings, path, masked):
    settings.ROOT_URLCONF = "tests.urls_secrets"
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    client.get(path.rstrip("/"))
    first, second = outbox
    assert (first.extra["path"], first.extra["referer"]) == (masked, f"https://testserver{masked}")
    assert second.extra["path"] == masked.rstrip("/")


@pytest.mark.parametrize("end", ["/", ""])
def test_a_secret_in_a_pattern_with_inline_flags_is_masked(client, outbox, settings, end):
    settings.ROOT_URLCONF = "tests.urls_inline_flags"
    client.get(f"/Any-Case/Hunter2{end}")
    assert outbox[0].extra["path"] == f"/Any-Case/********{end}"


@pytest.mark.parametrize("behind", ["/)", "/.", "%20"])
def test_a_secret_is_masked_when_a_mailer_appends_punctuation(client, outbox, behind):
    client.get(f"/shop/reset/hunter2{behind}")
    client.get(
        f"/shop/reset/x/{behind}", HTTP_REFERER=f"http://testserver/shop/reset/hunter2{behind}"
    )
    assert "hunter2" not in str([event.extra for event in outbox])


def test_a_secret_in_a_query_that_is_encoded_into_the_path_is_masked(client, outbox):
    client.get("/ok%3Ftoken%3Dhunter2&page=2")
    assert outbox[0].extra["path"] == "/ok?token=********&page=2"


@pytest.mark.parametrize(
    ("referer", "headers"),
    [
        ("https://Shop.example:443/shop/reset/hunter2/", {"HTTP_HOST": "shop.example"}),
        ("https://shop.example/shop/reset/hunter2/", {"HTTP_X_FORWARDED_HOST": "shop.example"}),
        ("https://testserver/shop/reset/%68unter2/", {}),
    ],
)
def test_a_referer_with_any_name_of_this_site_is_masked(client, outbox, referer, headers):
    client.get("/ok/", HTTP_REFERER=referer, **headers)
    assert outbox[0].extra["referer"].endswith("/shop/reset/********/")


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/sessions/5/", True), ("/talks/my-first-talk/", True), ("/confirm-email/{}/", False)],
)
def test_readable_names_and_numbers_in_a_path_are_kept(client, outbox, settings, path, kept):
    settings.ROOT_URLCONF = "tests.urls_secrets"
    path = path.format("MQ:1sHgKl:x7Yz0-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7")
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    assert (outbox[0].extra["path"] == path) is kept
    assert (outbox[0].extra["referer"] == f"https://testserver{path}") is kept


def test_secrets_are_masked_before_path_and_query_are_cut(client, outbox):
    client.get(f"/shop/reset/{'x' * 2040}hunter2/")
    client.get("/ok/?a=" + "x" * 2030 + "&token=hunter2&b=" + "y" * 9000)
    first, second = (event.extra for event in outbox)
    assert "xxx" not in first["path"]
    assert "hunter2" not in second["query"]
    assert len(second["query"]) <= 2048


@pytest.mark.parametrize("query", ["code=S", "code=S&scope=a"])
def test_an_oauth_code_is_masked_only_on_an_oauth_path(client, outbox, query):
    client.get(f"/oauth/callback/?{query}")
    client.get(f"/ok/?{query}")
    assert [("code=S" in event.extra["query"]) for event in outbox] == [False, True]


def test_a_value_whose_name_redact_except_lists_is_kept_in_a_path(client, outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"REDACT_EXCEPT": ["token"]}
    client.get("/shop/reset/hunter2/", HTTP_REFERER="https://testserver/shop/reset/hunter2/")
    assert outbox[0].extra["path"] == "/shop/reset/hunter2/"
    assert outbox[0].extra["referer"] == "https://testserver/shop/reset/hunter2/"


def test_a_secret_in_the_user_agent_is_masked(client, outbox):
    client.get("/ok/", HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux) token=S3cr")
    client.get("/ok/", HTTP_USER_AGENT="app/1 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln")
    assert [event.extra["ua"] for event in outbox] == [
        "Mozilla/5.0 (X11; Linux) token=********",
        "app/1 ********",
    ]


SECURE = [
    "eventlog.middleware.EventLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
]


@pytest.mark.parametrize(
    ("path", "status", "values"),
    [
        ("/shop/reset/hunter2", 301, {}),
        ("/shop/key/hunter2", 301, {}),
        ("/shop/reset/hunter2/", 301, {"SECURE_SSL_REDIRECT": True, "MIDDLEWARE": SECURE}),
        ("/shop/reset/hunter2/", 400, {"ALLOWED_HOSTS": ["elsewhere"]}),
    ],
)
def test_a_secret_in_a_path_is_masked_when_middleware_answers(
    client, outbox, settings, path, status, values
):
    for name, value in values.items():
        setattr(settings, name, value)
    assert client.get(path).status_code == status
    assert "hunter2" not in str(outbox[0].extra)
    assert outbox[0].extra["path"].startswith(path.partition("hunter2")[0] + "****")


@pytest.mark.parametrize("rest", ["/", "/?next=/a/", "/#top", ""])
def test_a_secret_in_the_path_of_the_referer_is_masked(client, outbox, rest):
    client.get("/ok/", HTTP_REFERER=f"https://testserver/shop/reset/hunter%202{rest}")
    assert outbox[0].extra["referer"] == f"https://testserver/shop/reset/********{rest}"


def test_a_request_is_recorded_when_a_converter_raises(client, outbox):
    client.get("/ok/", HTTP_REFERER="https://testserver/shop/odd/hunter2/")
    assert outbox[0].action == "GET_OK"


def test_a_path_of_another_site_is_kept_in_the_referer(client, outbox):
    client.get("/ok/", HTTP_REFERER="https://example.org/shop/reset/hunter2/")
    assert outbox[0].extra["referer"] == "https://example.org/shop/reset/hunter2/"


@pytest.mark.parametrize("place", ["/nowhere/{}/", "/nowhere/{}", "/shop/reset/{}/"])
def test_a_long_path_is_cut_and_ends_with_an_ellipsis(client, outbox, place):
    client.get(place.format("x" * 2049))
    client.get(place.format("/" + "secret%20" * 1000))
    for event in outbox:
        path = event.extra["path"]
        assert len(path) <= MAX_PATH_LENGTH
        assert path.endswith(("…", "/shop/reset/********"))


@pytest.mark.parametrize("length", [100, 4000, 4083, 4090, 5000, 50_000])
@pytest.mark.parametrize("script", ["", "/app"])
def test_a_long_secret_in_a_path_is_masked(client, outbox, length, script):
    set_script_prefix(script + "/")
    client.get(f"/shop/reset/{'s3cret' * length}/", SCRIPT_NAME=script)
    client.get(f"/shop/reset/{'s3cret' * length}", SCRIPT_NAME=script)
    clear_script_prefix()
    assert all("s3cr" not in event.extra["path"] for event in outbox)


@pytest.mark.parametrize("secret", ["token=s3cret", "token=" + "s3cret" * 1000])
@pytest.mark.parametrize("before", [0, 2035, 2040, 4085])
def test_a_long_query_is_masked_before_it_is_cut(client, outbox, secret, before):
    client.get("/ok/", QUERY_STRING=f"a={'b' * before}&{secret}&c={'d' * 5000}")
    query = outbox[0].extra["query"]
    assert len(query) <= MAX_PATH_LENGTH
    assert "s3c" not in query


def test_a_query_that_is_cut_ends_with_an_ellipsis(client, outbox):
    client.get("/ok/", QUERY_STRING="a=" + "b" * 2046)
    client.get("/ok/", QUERY_STRING="a=" + "b" * 2047)
    whole, marked = (event.extra["query"] for event in outbox)
    assert whole == "a=" + "b" * 2046
    assert marked == "a=" + "b" * 2045 + "…"
