import pytest

from eventlog.records.redaction import (
    MASK,
    is_secret,
    looks_random,
    redact,
    redact_query,
    redact_url,
)

from .masking_table import (
    PLAIN_NAMES,
    PLAIN_QUERIES,
    PLAIN_VALUES,
    QUERIES_WITH_SECRETS,
    SECRET_NAMES,
    SECRET_VALUES,
    VALUES_WITH_SECRETS,
)


def test_the_table_has_300_rows():
    secret, plain = len(SECRET_NAMES) + len(SECRET_VALUES), len(PLAIN_NAMES) + len(PLAIN_VALUES)
    assert secret >= 150
    assert plain >= 150
    assert len({*SECRET_NAMES, *PLAIN_NAMES}) == len(SECRET_NAMES) + len(PLAIN_NAMES)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_text_under_a_secret_name_is_masked(name):
    assert is_secret(name)
    assert redact({name: "hunter2"}) == {name: MASK}
    assert redact_query(f"a=1&{name}=hunter2") == f"a=1&{name}={MASK}"


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_text_under_a_name_that_only_resembles_a_secret_is_kept(name):
    assert not is_secret(name)
    assert redact({name: "hunter2"}) == {name: "hunter2"}
    assert redact_query(f"a=1&{name}=hunter2") == f"a=1&{name}=hunter2"


@pytest.mark.parametrize("name", [*SECRET_NAMES, *PLAIN_NAMES])
def test_a_boolean_is_kept_under_any_name(name):
    assert redact({name: True}) == {name: True}


@pytest.mark.parametrize("value", SECRET_VALUES)
def test_a_secret_is_recognised_by_its_form(value):
    shown = redact({"note": value})["note"]
    assert MASK in shown
    assert not {part for part in str(value).split() if len(part) > 7} & set(shown.split())


# Masked only as a whole text, because "bearer" is a word and 40 characters may be a checksum.
ALONE = ("Bearer S", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    "value",
    [value for value in SECRET_VALUES if isinstance(value, str) and value not in ALONE],
)
def test_a_secret_is_recognised_inside_other_text(value):
    shown = redact(f"Sent to support: <{value}> by anna")
    assert MASK in shown
    assert value not in shown


@pytest.mark.parametrize("value", PLAIN_VALUES)
def test_a_value_that_only_resembles_a_secret_is_kept(value):
    assert redact({"note": value}) == {"note": value}


@pytest.mark.parametrize(("value", "masked"), VALUES_WITH_SECRETS)
def test_a_secret_inside_a_value_is_masked_and_nothing_else(value, masked):
    shown = redact({"note": value})["note"]
    assert "S3cr" not in str(shown)
    assert masked is None or shown == masked
    assert redact({"note": shown}) == {"note": shown}


@pytest.mark.parametrize(("query", "masked"), QUERIES_WITH_SECRETS)
def test_a_secret_inside_a_query_is_masked_and_nothing_else(query, masked):
    assert "S3cr" not in redact_query(query)
    assert "S3cr" not in redact_url(f"/h/?{query}")
    assert "S3cr" not in redact(f"/h/?{query}")
    assert masked is None or redact_query(query) == masked


@pytest.mark.parametrize("query", PLAIN_QUERIES)
def test_a_query_that_only_resembles_a_secret_is_kept(query):
    assert redact_query(query) == query
    assert redact_url(f"/h/?{query}") == f"/h/?{query}"


def test_a_slug_of_words_and_digits_does_not_look_random():
    assert not looks_random("intro2python3for2024")
    assert looks_random("S3crS3crS3cr1")
