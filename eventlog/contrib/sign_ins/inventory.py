"""The part of the inventory about sign-ins."""

from collections.abc import Iterator

from ...diagnostics.inventory import Entry, joined_names
from .actions import KEYS, action_name

HIJACK = "hijack_"  # begins the keys of eventlog.contrib.hijack


def sign_in_entries() -> Iterator[Entry]:
    """Yield the actions of sign-ins, and those that the site leaves out."""
    names = {key: action_name(key) for key in KEYS if not key.startswith(HIJACK)}
    recorded = dict.fromkeys(name for name in names.values() if name is not None)
    yield Entry("recorded", "sign-ins and accounts", joined_names(recorded))
    if left_out := [key for key, name in names.items() if name is None]:
        yield Entry("recorded", "sign-ins that are left out", joined_names(left_out))
