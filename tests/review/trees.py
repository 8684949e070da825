"""Trees of searches, and their meaning in plain Python."""

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

from hypothesis import strategies as st

from eventlog.review.search.tree import And, Not, Or, Term, all_of, either, negate

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
COMPARED = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000}

# Trees of any text

KEYS = st.sampled_from(["user", "status", "path", "last", "is", "has", "extra.a", "extra.a.b", ""])
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    st.sampled_from(["OR", "and", "-x", "(", "a,b", 'say "hi"', "back\\", ">5", "=", "fe80::1"]),
)
ANY_TERMS = st.builds(
    lambda key, value, operator: Term(key, value, operator if key else ""),
    KEYS,
    VALUES,
    st.sampled_from(["", "", ">", ">=", "<", "<="]),
)


def trees_of(terms):
    """Return trees that are built as the parser builds them."""
    return st.recursive(
        terms,
        lambda nodes: st.one_of(
            nodes.map(negate),
            st.lists(nodes, min_size=2, max_size=4).map(all_of),
            st.lists(nodes, min_size=2, max_size=4).map(either),
        ),
        max_leaves=8,
    )


# Trees that find some of the rows of a test

CHOICES = {
    "user": ["anna", "ANNA", "bob", "zora", "anonymous"],
    "ip": ["192.0.2.7", "192.0.2.0/24", "192.0.2.8/31", "2001:db8::/32"],
    "action": ["LOGIN", "login", "LOG*", "*_home", "GET_*", "g*t_h*", "*"],
    "obj": ["shop.widget:7", "shop.widget", "auth.user"],
    "status": ["200", "404", "5xx", "2XX", ">=404", "<500", ">200", "<=404"],
    "duration": [">500ms", ">=2s", "<1min", "<=20.5ms"],
    "path": ["/orders/", "*pdf", "/a%_", "/o*/7", "/A"],
    "query": ["page=2", "page*", "PAGE"],
    "method": ["get", "POST"],
    "view": ["shop:home", "shop:*", "SHOP:home"],
    "route": ["orders/<int:pk>/", "orders*"],
    "exception": ["ValueError", "valueerror", "*error"],
    "referer": ["example.com", "https*"],
    "device": ["pc", "BOT"],
    "browser": ["firefox", "Chrome 12", "*fox*"],
    "os": ["win", "Mac"],
    "is": ["user", "anonymous", "unknown", "bot", "human", "request", "event"],
    "has": ["user", "object", "ip", "status", "exception", "duration", "extra.total", "extra.a.b"],
    "request": ["r1"],
    "acting_user": ["admin", "ADMIN"],
    "reason": ["4711", "TICKET*"],
    "command": ["import_orders", "imp*"],
    "from": ["2026-05-01T11:00+00:00", "2026-05-01"],
    "to": ["2026-05-01T11:30:30+00:00"],
    "at": ["2026-05-01T11:00+00:00", "2026-05-01T11:00:00+00:00"],
    "extra.total": ["7", "7.5", "true", "abc", ">5", ">=7", "<7.5", "<=-1", "a*", "*"],
    "extra.a.b": ["1", "x*", ">0"],
}


def _term(key, written):
    operator = written[: len(written) - len(written.lstrip("<>="))]
    return Term(key, written[len(operator) :], operator)


FOUND_TERMS = st.sampled_from(
    [_term(key, written) for key, values in CHOICES.items() for written in values]
)


def holds(node, row, *, is_negated=False):
    """Return whether a tree finds ``row``, a dict of plain values."""
    match node:
        case Not():
            return holds(node.node, row, is_negated=not is_negated)
        case Term():
            return _term_holds(node, row, is_negated=is_negated)
        case Or() | And():
            parts = [holds(each, row, is_negated=is_negated) for each in node.nodes]
            return any(parts) if isinstance(node, Or) is not is_negated else all(parts)


def _term_holds(term, row, *, is_negated):
    if not term.operator:
        return _equality_holds(term.key, term.value, row) is not is_negated
    value, limit = _compared(term, row)
    if type(value) not in (int, float):
        return False
    return COMPARED[term.operator](value, limit) is not is_negated


def _compared(term, row):
    if term.key == "status":
        return row["status"], int(term.value)
    if term.key == "duration":
        number = term.value.rstrip("mins")
        return row["facts"].get("duration_ms"), float(number) * MILLISECONDS[
            term.value[len(number) :]
        ]
    return _at(row["extra"], term.key), float(term.value)


def _at(extra, key):
    for name in key.split(".")[1:]:
        extra = extra.get(name) if isinstance(extra, dict) else None
    return extra


def _text(value):
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def _glob(text, pattern):
    return text is not None and fnmatchcase(text, pattern.replace("[", "[[]"))


def _start(text, value):
    return _glob(text, value if "*" in value[:-1] else value.rstrip("*") + "*")


def _part(text, value):
    return _glob(text, value if "*" in value else f"*{value}*")


def _lower(text):
    return text and text.lower()


def _equality_holds(key, value, row):
    facts = row["facts"]
    match key:
        case "user":
            name = row["user"]
            return row["state"] == 2 if value == "anonymous" else name == value.lower()
        case "ip":
            ip, network = row["ip"], ip_network(value, strict=False)
            return ip is not None and ip_address(ip) in network
        case "action":
            return _glob(row["action"].lower(), value.lower())
        case "obj":
            return (row["object"] in (value, None) and row["object"] is not None) or (
                row["object"] is not None and row["object"].startswith(f"{value}:")
            )
        case "status":
            status = row["status"]
            first = value[0] + ("" if value[1:].lower() == "xx" else value[1:])
            return status is not None and str(status).startswith(first)
        case "path":
            return _start(facts.get("path"), value)
        case "query" | "referer":
            return _part(facts.get(key), value)
        case "method":
            return facts.get("method") == value.upper()
        case "view" | "route":
            return _glob(facts.get(key), value)
        case "exception":
            return _glob(_lower(facts.get(key)), value.lower())
        case "device":
            return facts.get("device_type") == value.lower()
        case "browser" | "os":
            return _start(_lower(facts.get(key)), value.lower())
        case "is":
            kind = facts.get("device_type")
            return {
                "user": row["user"] is not None,
                "anonymous": row["state"] == 2,
                "unknown": row["state"] == 3,
                "bot": kind == "bot",
                "human": kind not in (None, "bot"),
                "request": row["is_request"],
                "event": not row["is_request"],
            }[value]
        case "has":
            fact = {"duration": "duration_ms"}.get(value, value)
            own = row[value] if value in ("user", "object", "ip", "status") else facts.get(fact)
            return (_at(row["extra"], value) if value.startswith("extra.") else own) is not None
        case "acting_user":
            return facts.get("acting_user") == value.lower()
        case "reason":
            return _part(_lower(facts.get("reason")), value.lower())
        case "command":
            return _glob(facts.get("command"), value)
        case "request":
            return facts.get("request_id") == value
        case "from":
            return row["timestamp"] >= _moment(value)
        case "to":
            return row["timestamp"] < _moment(value)
        case "at":
            unit = timedelta(seconds=1) if value.count(":") == 3 else timedelta(minutes=1)
            start = _moment(value) - unit
            return start <= row["timestamp"] < start + 3 * unit
    text = _text(_at(row["extra"], key))
    return _glob(text, value) if "*" in value else text == value


def _moment(value):
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
