"""Sample data: users and their devices, products, searches, and the User-Agents of visitors."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

PASSWORD = "eventlog-demo"
ADMIN = "admin"
SHOPKEEPER = "grace"
CUSTOMERS = ("ada", "alan", "barbara", "edsger")
MAIL_DOMAIN = "mail.example"

PRODUCTS = (
    (
        "Brass lantern",
        "Burns four hours on one filling. The glass lifts out for cleaning.",
        "48.00",
    ),
    ("Wool blanket", "Undyed, from one flock, woven in one piece.", "129.00"),
    ("Hand loom", "Sixty centimetres of weaving width; folds flat.", "210.00"),
    ("Linen towel", "Gets better with every wash for about ten years.", "18.50"),
    ("Beeswax candles", "Six of them, rolled by hand.", "14.00"),
    ("Felt slippers", "Warm, quiet, and a little too easy to fall asleep in.", "56.00"),
    ("Oak stool", "Three legs never wobble.", "84.00"),
    ("Storm matches", "They light in rain, and in wool blankets: take care.", "6.20"),
    ("Cotton yarn", "A hundred grams of 8/2, in the colour of oats.", "9.80"),
    ("Weaver's scissors", "Forged, sharp to the tip.", "32.00"),
    ("Reading lamp", "Turns its head to where the book is.", "74.00"),
    ("Sheepskin", "For the oak stool.", "68.00"),
)
SEARCHES = (
    "wool",
    "lamp",
    "candle",
    "linen",
    "oak",
    "gift",
    "warm",
    "Kerze",
    "毛布",
    "slippers 42",
)

DESKTOPS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
)
TABLETS = (
    "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
)


class Device(NamedTuple):
    """A computer or phone of a user, at an address that no other visitor of the demo has."""

    address: str
    agent: str


DEVICES: Mapping[str, Sequence[Device]] = {
    ADMIN: (Device("192.0.2.200", DESKTOPS[3]),),
    SHOPKEEPER: (Device("192.0.2.201", DESKTOPS[0]), Device("2001:db8::201", TABLETS[0])),
    "ada": (Device("198.51.100.110", DESKTOPS[2]), Device("2001:db8::110", PHONES[0])),
    "alan": (Device("198.51.100.120", DESKTOPS[1]), Device("2001:db8::120", PHONES[1])),
    "barbara": (Device("198.51.100.130", DESKTOPS[4]), Device("2001:db8::130", PHONES[2])),
    "edsger": (Device("198.51.100.140", DESKTOPS[0]), Device("2001:db8::140", TABLETS[1])),
}
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 "
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
)
CURL = "curl/8.9.1"
SCRIPTS = (CURL, "python-requests/2.32.3", "Go-http-client/1.1")

PROBES = (
    "/wp-login.php",
    "/.env",
    "/xmlrpc.php",
    "/.git/config",
    "/phpmyadmin/index.php",
    "/cgi-bin/../../etc/passwd",
    "//x//y",
)
REFERERS = (
    "https://www.google.com/",
    "https://duckduckgo.com/",
    "https://blog.example/ten-good-lanterns/",
    "https://mail.example/read?session=3f9c2a&folder=inbox",
)
