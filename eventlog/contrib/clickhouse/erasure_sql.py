"""SQL that removes persons from events."""

from collections.abc import Collection

from ...changes import KEY as CHANGES
from ...people import ACTING_KEYS, PERSONAL_KEYS
from .columns import has_any_key_sql
from .conditions import Renderer


def erasure_assignments(by: str, about: str, acted: str, renderer: Renderer) -> str:
    """Return the assignments of an UPDATE, given the conditions of what is removed.

    ``by``: the person is the user. ``about``: the person is the object. ``acted``: the person acted
    on behalf of the user. As ``people.erase()`` does in a database.
    """

    def keys(values: Collection[str]) -> str:
        return renderer.value(sorted(values), "Array(String)")

    by, about, acted = (f"ifNull({each}, false)" for each in (by, about, acted))
    removed = ", ".join(
        f"if({condition}, {keys(values)}, [])"
        for condition, values in (
            (by, PERSONAL_KEYS),
            (acted, PERSONAL_KEYS | ACTING_KEYS),
            (about, {CHANGES}),
        )
    )
    values = {
        "user_id": f"if({by}, NULL, user_id)",
        "user_repr": f"if({by}, '', user_repr)",
        "ip": f"if({by} OR {acted}, NULL, ip)",
        "object_id": f"if({about}, NULL, object_id)",
        "object_repr": f"if({about}, '', object_repr)",
        "extra": _without(f"arrayConcat({removed})"),
    }
    return ", ".join(f"{column} = {value}" for column, value in values.items())


def _without(keys: str) -> str:
    """Return ``extra`` without keys. A document that has none of them stays as it is."""
    pairs = f"arrayFilter(pair -> NOT has({keys}, pair.1), JSONExtractKeysAndValuesRaw(extra))"
    texts = f"arrayMap(pair -> concat(toJSONString(pair.1), ':', pair.2), {pairs})"
    document = f"concat('{{', arrayStringConcat({texts}, ','), '}}')"
    return f"if({has_any_key_sql(keys)}, {document}, extra)"
