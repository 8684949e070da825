"""People and programs that visit the shop, each with a way of their own to go about it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode
from uuid import uuid4

from django.core.handlers.wsgi import WSGIHandler
from django.http.response import HttpResponseBase

from . import cast
from .payment import DECLINED, TEST_CARD
from .traffic import make_environ, send

LOGIN = "/accounts/login/"


@dataclass
class Visitor:
    """One visit: an address, a program and its cookies."""

    site: WSGIHandler
    random: Random
    products: Sequence[int]
    agent: str | None = None
    address: str = ""
    proxy: str | None = None
    referer: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    request_ids: list[str] = field(default_factory=list)

    def get(self, path: str, query: str = "") -> HttpResponseBase:
        return self._request("GET", path, query)

    def post(self, path: str, **form: object) -> HttpResponseBase:
        form["csrfmiddlewaretoken"] = self.cookies.get("csrftoken", "")
        return self._request("POST", path, body=urlencode(form).encode())

    def log_in(self, name: str, password: str = cast.PASSWORD) -> Iterator[HttpResponseBase]:
        yield self.get(LOGIN)
        yield self.post(LOGIN, username=name, password=password)

    def product(self) -> str:
        return f"/products/{self.random.choice(self.products)}/"

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def _request(
        self, method: str, path: str, query: str = "", body: bytes = b""
    ) -> HttpResponseBase:
        request_id = (
            uuid4().hex
        )  # as a proxy names each request, even if the seed is the same again
        self.request_ids.append(request_id)
        headers = {
            "user-agent": self.agent,
            "referer": self.referer,
            "x-forwarded-for": self.address if self.proxy else None,
            "x-request-id": request_id,
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None,
        }
        peer = self.proxy or self.address.rpartition(", ")[2]
        response = send(self.site, make_environ(method, path, query, peer, headers, body))
        self.referer = f"http://localhost{path}" if self.referer else None
        for name, morsel in response.cookies.items():
            if morsel["max-age"] == 0:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.coded_value
        return response


Visit = Callable[[Visitor], Iterator[HttpResponseBase]]


def window_shopper(me: Visitor) -> Iterator[HttpResponseBase]:
    yield me.get("/")
    yield me.get("/products/")
    for _ in range(me.random.randint(1, 4)):
        yield me.get(me.product())
    if me.maybe(0.4):
        yield me.get("/search/", urlencode({"q": me.random.choice(cast.SEARCHES)}))
    if me.maybe(0.1):
        yield me.get("/produkts/")
    if me.maybe(0.06):
        yield me.get("/crash/")
    if me.maybe(0.15):
        yield me.get(me.product() + "order/")


def customer(me: Visitor) -> Iterator[HttpResponseBase]:
    name = me.random.choice(cast.CUSTOMERS)
    if me.maybe(0.2):
        yield me.post(LOGIN, username=name, password=cast.PASSWORD)  # without a token: 403
    if me.maybe(0.2):
        yield from me.log_in(name, "eventlog-dmeo")
    yield from me.log_in(name)
    product = me.product()
    yield me.get(product)
    yield me.get(product + "order/")
    if me.maybe(0.2):
        yield me.post(product + "order/", quantity=1, card=f"4000 0000 0000 {DECLINED}")
    if me.maybe(0.1):
        yield me.post(product + "order/", quantity=0, card="?")
    order = me.post(product + "order/", quantity=me.random.randint(1, 4), card=TEST_CARD)
    yield order
    if order.status_code == 302:
        yield me.get(order["Location"])
    yield me.get("/orders/")
    if me.maybe(0.3):
        yield me.get(f"/orders/{me.random.randint(1, 40)}/")  # most are somebody else's
    if me.maybe(0.15):
        yield me.get(me.product() + "edit/")
    if me.maybe(0.5):
        yield me.post("/accounts/logout/")


def keeper(me: Visitor) -> Iterator[HttpResponseBase]:
    yield from me.log_in(cast.KEEPER)
    yield me.get("/products/new/")
    name = f"{me.random.choice(('Plain', 'Striped', 'Large', 'Small'))} sample"
    price = me.random.randint(5, 90)
    created = me.post("/products/new/", name=name, description="A trial.", price=price)
    yield created
    if created.status_code == 302:
        path = created["Location"]
        yield me.get(path)
        yield me.get(path + "edit/")
        yield me.post(path + "edit/", name=name, description="A trial.", price=price + 2)
        if me.maybe(0.8):
            yield me.get(path + "delete/")
            yield me.post(path + "delete/")


def administrator(me: Visitor) -> Iterator[HttpResponseBase]:
    yield me.get("/admin/")
    yield from me.log_in(cast.ADMIN)
    yield me.get("/admin/")
    yield me.get("/admin/shop/order/")


def crawler(me: Visitor) -> Iterator[HttpResponseBase]:
    me.agent = me.random.choice(cast.CRAWLERS)
    me.referer = None
    yield me.get("/robots.txt")
    for _ in range(me.random.randint(2, 7)):
        yield me.get(me.product())
    if me.maybe(0.3):
        yield me.get(f"/products/{me.random.randint(900, 999)}/")


def scanner(me: Visitor) -> Iterator[HttpResponseBase]:
    me.agent = me.random.choice((*cast.SCRIPTS, None))
    me.referer = None
    for path in me.random.sample(cast.PROBES, 4):
        yield me.get(path)


def guesser(me: Visitor) -> Iterator[HttpResponseBase]:
    name = me.random.choice((cast.ADMIN, "root", *cast.CUSTOMERS))
    for password in me.random.sample(("123456", "password", "letmein", "qwerty", "hunter2"), 3):
        yield from me.log_in(name, password)


def script(me: Visitor) -> Iterator[HttpResponseBase]:
    me.agent = me.random.choice(cast.SCRIPTS)
    me.referer = None
    for q in me.random.sample(cast.SEARCHES, 2):
        token = f"{me.random.getrandbits(64):x}"
        yield me.get("/search/", urlencode({"q": q, "api_token": token}))


def monitor(me: Visitor) -> Iterator[HttpResponseBase]:
    me.agent = cast.CURL
    me.referer = None
    yield me.get("/healthz")
    yield me.get("/")


VISITS: dict[Visit, int] = {
    window_shopper: 36,
    customer: 24,
    crawler: 14,
    script: 6,
    keeper: 5,
    scanner: 5,
    monitor: 4,
    guesser: 3,
    administrator: 3,
}


def arrive(site: WSGIHandler, random: Random, products: Sequence[int]) -> Visitor:
    """Somebody with a browser, at an address that is set aside for examples."""
    agents = random.choices((cast.DESKTOPS, cast.PHONES, cast.TABLETS), (50, 40, 10))[0]
    visitor = Visitor(site, random, products, agent=random.choice(agents), address=_address(random))
    visitor.referer = random.choice((*cast.REFERERS, None))
    if random.random() < 0.3:
        visitor.proxy = f"10.0.0.{random.randint(1, 4)}"
        if random.random() < 0.1:  # a visitor who claims to be somebody else; it is not believed
            visitor.address = f"127.0.0.1, {visitor.address}"
    return visitor


def _address(random: Random) -> str:
    if random.random() < 0.15:
        return f"2001:db8::{random.randint(1, 60):x}"
    return f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randint(1, 99)}"
