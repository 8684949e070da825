"""Simulated visitors of the shop: people and programs, each with a typical visit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode
from uuid import uuid4

from django.core.handlers.wsgi import WSGIHandler
from django.http.response import HttpResponseBase

from . import sample_data
from .payment import DECLINED, TEST_CARD
from .traffic import make_environ, send

LOGIN = "/accounts/login/"


@dataclass
class Visitor:
    """One visit: an address, a User-Agent and its cookies."""

    site: WSGIHandler
    random: Random
    products: Sequence[int]
    agent: str | None = None
    address: str = ""
    proxy: str | None = None
    referer: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    request_ids: list[str] = field(default_factory=list)
    # Not from the seed, because ids must not repeat between runs.
    new_id: Callable[[], str] = lambda: uuid4().hex

    def get(self, path: str, query: str = "") -> HttpResponseBase:
        return self._request("GET", path, query)

    def post(self, path: str, **form: object) -> HttpResponseBase:
        form["csrfmiddlewaretoken"] = self.cookies.get("csrftoken", "")
        return self._request("POST", path, body=urlencode(form).encode())

    def use(self, device: sample_data.Device) -> None:
        """Continue with the address and the browser of this device."""
        self.address, self.agent = device

    def use_device_of(self, name: str) -> None:
        """Continue with one of the devices of this user."""
        self.use(self.random.choice(sample_data.DEVICES[name]))

    def log_in(self, name: str, password: str = sample_data.PASSWORD) -> Iterator[HttpResponseBase]:
        yield self.get(LOGIN)
        yield self.post(LOGIN, username=name, password=password)

    def product(self) -> str:
        return f"/products/{self.random.choice(self.products)}/"

    def maybe(self, chance: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < chance

    def _request(
        self, method: str, path: str, query: str = "", body: bytes = b""
    ) -> HttpResponseBase:
        request_id = self.new_id()
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


def window_shopper(visitor: Visitor) -> Iterator[HttpResponseBase]:
    yield visitor.get("/")
    yield visitor.get("/products/")
    for _ in range(visitor.random.randint(1, 4)):
        yield visitor.get(visitor.product())
    if visitor.maybe(0.4):
        yield visitor.get("/search/", urlencode({"q": visitor.random.choice(sample_data.SEARCHES)}))
    if visitor.maybe(0.1):
        yield visitor.get("/produkts/")
    if visitor.maybe(0.06):
        yield visitor.get("/crash/")
    if visitor.maybe(0.15):
        yield visitor.get(visitor.product() + "order/")


def customer(visitor: Visitor) -> Iterator[HttpResponseBase]:
    name = visitor.random.choice(sample_data.CUSTOMERS)
    visitor.use_device_of(name)
    if visitor.maybe(0.2):
        # A 403, because the CSRF token is missing.
        yield visitor.post(LOGIN, username=name, password=sample_data.PASSWORD)
    if visitor.maybe(0.2):
        yield from visitor.log_in(name, "eventlog-dmeo")
    yield from visitor.log_in(name)
    product = visitor.product()
    yield visitor.get(product)
    yield visitor.get(product + "order/")
    if visitor.maybe(0.2):
        yield visitor.post(product + "order/", quantity=1, card=f"4000 0000 0000 {DECLINED}")
    if visitor.maybe(0.1):
        yield visitor.post(product + "order/", quantity=0, card="?")
    order = visitor.post(product + "order/", quantity=visitor.random.randint(1, 4), card=TEST_CARD)
    yield order
    if order.status_code == 302:
        yield visitor.get(order["Location"])
    yield visitor.get("/orders/")
    if visitor.maybe(0.3):
        yield visitor.get(f"/orders/{visitor.random.randint(1, 40)}/")  # often a 403
    if visitor.maybe(0.15):
        yield visitor.get(visitor.product() + "edit/")
    if visitor.maybe(0.5):
        yield visitor.post("/accounts/logout/")


def shopkeeper(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.use_device_of(sample_data.SHOPKEEPER)
    yield from visitor.log_in(sample_data.SHOPKEEPER)
    yield visitor.get("/products/new/")
    name = f"{visitor.random.choice(('Plain', 'Striped', 'Large', 'Small'))} sample"
    price = visitor.random.randint(5, 90)
    created = visitor.post("/products/new/", name=name, description="A trial.", price=price)
    yield created
    if created.status_code == 302:
        path = created["Location"]
        yield visitor.get(path)
        yield visitor.get(path + "edit/")
        yield visitor.post(path + "edit/", name=name, description="A trial.", price=price + 2)
        if visitor.maybe(0.8):
            yield visitor.get(path + "delete/")
            yield visitor.post(path + "delete/")


def administrator(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.use_device_of(sample_data.ADMIN)
    yield from visitor.log_in(sample_data.ADMIN)
    yield visitor.get("/admin/shop/order/")  # which is not recorded
    yield visitor.post("/accounts/logout/")


def crawler(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.agent = visitor.random.choice(sample_data.CRAWLERS)
    visitor.referer = None
    yield visitor.get("/robots.txt")
    for _ in range(visitor.random.randint(2, 7)):
        yield visitor.get(visitor.product())
    if visitor.maybe(0.3):
        yield visitor.get(f"/products/{visitor.random.randint(900, 999)}/")


def scanner(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.agent = visitor.random.choice((*sample_data.SCRIPTS, None))
    visitor.referer = None
    for path in visitor.random.sample(sample_data.PROBES, 4):
        yield visitor.get(path)


def guesser(visitor: Visitor) -> Iterator[HttpResponseBase]:
    name = visitor.random.choice((sample_data.ADMIN, "root", *sample_data.CUSTOMERS))
    for password in visitor.random.sample(
        ("123456", "password", "letmein", "qwerty", "hunter2"), 3
    ):
        yield from visitor.log_in(name, password)


def script(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.agent = visitor.random.choice(sample_data.SCRIPTS)
    visitor.referer = None
    for q in visitor.random.sample(sample_data.SEARCHES, 2):
        token = f"{visitor.random.getrandbits(64):x}"
        yield visitor.get("/search/", urlencode({"q": q, "api_token": token}))


def monitor(visitor: Visitor) -> Iterator[HttpResponseBase]:
    visitor.agent = sample_data.CURL
    visitor.referer = None
    yield visitor.get("/healthz")
    yield visitor.get("/")


VISITS: dict[Visit, int] = {
    window_shopper: 36,
    customer: 24,
    crawler: 14,
    script: 6,
    shopkeeper: 5,
    scanner: 5,
    monitor: 4,
    guesser: 3,
    administrator: 3,
}


def new_visitor(site: WSGIHandler, random: Random, products: Sequence[int]) -> Visitor:
    """Return a visitor with a browser, at an address that is reserved for documentation."""
    agents = random.choices(
        (sample_data.DESKTOPS, sample_data.PHONES, sample_data.TABLETS), (50, 40, 10)
    )[0]
    visitor = Visitor(site, random, products, agent=random.choice(agents), address=_address(random))
    visitor.referer = random.choice((*sample_data.REFERERS, None))
    if random.random() < 0.3:
        visitor.proxy = f"10.0.0.{random.randint(1, 4)}"
        if random.random() < 0.1:  # a forged address, which must be ignored
            visitor.address = f"127.0.0.1, {visitor.address}"
    return visitor


def _address(random: Random) -> str:
    if random.random() < 0.15:
        return f"2001:db8::{random.randint(1, 60):x}"
    return f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randint(1, 99)}"
