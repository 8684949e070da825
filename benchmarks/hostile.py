"""The worst requests that a visitor can send, each about 15 kB."""

from collections.abc import Callable
from typing import NamedTuple

SIZE_BYTES = 15_000  # h11, which uvicorn uses, refuses requests over 16 kB.
LOGGED_LENGTH = 1_900  # The event log keeps 2,048 characters of a path, a query and a referer.


class Request(NamedTuple):
    """A GET request."""

    target: str = "/ok/"
    headers: tuple[tuple[str, str], ...] = ()


def fill(pattern: str, size: int = SIZE_BYTES) -> str:
    """Return whole repetitions of `pattern` up to the size."""
    return pattern * (size // len(pattern))


def path(prefix: str, pattern: str, suffix: str = "") -> Callable[[int], Request]:
    """Return a maker of requests with a long path."""
    return lambda number: Request(f"{prefix}{fill(pattern)}{suffix}?n={number}")


def query(pattern: str, prefix: str = "") -> Callable[[int], Request]:
    """Return a maker of requests with a long query."""
    return lambda number: Request(f"/ok/?n={number}&{prefix}{fill(pattern)}")


def header(name: str, pattern: str, prefix: str = "", suffix: str = "") -> Callable[[int], Request]:
    """Return a maker of requests with a long header; the number keeps caches from helping."""
    return lambda number: Request(
        f"/ok/?n={number}", ((name, f"{prefix}{fill(pattern)}{suffix}{number % 250}"),)
    )


def many_headers(name: str, value: str) -> Callable[[int], Request]:
    """Return a maker of requests that repeat a header."""
    count = SIZE_BYTES // (len(name) + len(value) + 4)
    return lambda number: Request(f"/ok/?n={number}", ((name, value),) * count)


RESET = "/accounts/reset/a/"
REFERER = "https://shop.example"
# Every maker gets a number, so that no two requests are alike.
HOSTILE: dict[str, Callable[[int], Request]] = {
    "dots in a path with a token": path(RESET, ".", "/x"),
    "dashes in a path with a token": path(RESET, "-_", "/x"),
    "path of a token without its end": path(RESET, "a-"),
    "many short path segments": path("/", "a/"),
    "path prefixes of the token page": path("/", "accounts/reset/"),
    "slashes": path("/a", "/"),
    "semicolons in a path": path("/ok/", ";"),
    "path parameters": path("/ok/", ";password=S"),
    "percent signs in a path": path("/ok/", "%25"),
    "percent sign without digits in a path": path("/ok/", "%"),
    "NUL bytes in a path": path("/ok/", "%00"),
    "invalid UTF-8 in a path": path("/ok/", "%ff"),
    "encoded URL in a path": path("/ok/", "%2Fx%3Ftoken%3DS"),
    "percent signs in a query": query("%25"),
    "percent sign without digits in a query": query("%"),
    "semicolons in a query": query(";"),
    "ampersands in a query": query("&"),
    "secrets in a query": query("token=S&"),
    "URLs within URLs in a query": query("https://x/?u=", "u="),
    "encoded URLs within URLs in a query": query("https%3A%2F%2Fx%2F%3Fu%3D", "u="),
    "open brackets in a query": query("[", "data="),
    "open JSON objects in a query": query('{"password":', "data="),
    "quotes in a query": query('"\\', "data="),
    "JWT prefixes in a query": query("eyJ", "data="),
    "dots of a JWT in a query": query("eyJa.", "data="),
    "digits in a query": query("4111 1111 1111 1111 ".replace(" ", "-"), "data="),
    "short path with dots": lambda number: Request(
        f"{RESET}{fill('.', LOGGED_LENGTH)}/x?n={number}"
    ),
    "short referer with dots": lambda number: Request(
        f"/ok/?n={number}", (("Referer", f"{REFERER}{RESET}{fill('.', LOGGED_LENGTH)}/x"),)
    ),
    "dots in a referer": header("Referer", ".", f"{REFERER}{RESET}", "/x"),
    "referer with nested URLs": header("Referer", "https://x/?u=", f"{REFERER}/?u="),
    "referer with percent signs": header("Referer", "%25", f"{REFERER}/"),
    "referer with secrets": header("Referer", "password=S&", f"{REFERER}/?"),
    "agent of brackets": header("User-Agent", "(", "Mozilla/5.0 "),
    "agent of products": header("User-Agent", "A/1.1 ", "Mozilla/5.0 "),
    "agent of digits and dots": header("User-Agent", "1.", "Mozilla/5.0 (X11) "),
    "agent of semicolons": header("User-Agent", "; ", "Mozilla/5.0 (Linux; Android 1"),
    "agent of spaces": header("User-Agent", "Build ", "Mozilla/5.0 (Linux; Android 9; "),
    "many cookies": header("Cookie", "a=b; "),
    "long session cookie": header("Cookie", "x", "sessionid="),
    "cookie of quotes": header("Cookie", '\\"', 'a="'),
    "X-Forwarded-For of trusted addresses": header("X-Forwarded-For", "10.1.2.3, ", "", "10.0.0."),
    "X-Forwarded-For of commas": header("X-Forwarded-For", ","),
    "X-Forwarded-For of colons": header("X-Forwarded-For", ":"),
    "Forwarded of trusted addresses": header("Forwarded", "for=10.1.2.3, ", "", "for=10.0.0."),
    "Forwarded of quotes": header("Forwarded", '\\"', 'for="'),
    "X-Forwarded-For repeated": many_headers("X-Forwarded-For", "10.1.2.3"),
    "request id": header("X-Request-ID", "a-"),
    "traceparent": header("traceparent", "00-"),
}
