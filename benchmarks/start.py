"""CPU time of a process from its start until the site can answer its first request.

The site has Django's usual apps, with the admin. It is loaded as a WSGI server loads it, with its
URLs, in a new process each time. The variants take turns. The goal is at most 1.3 times the bare
site.
"""

import os
import sys
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks.common import (
    LOGGED_SITE,
    SITE,
    argument_parser,
    print_table,
    ratio,
    require,
    take_turns,
)

CODE = """
import sys
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

apps, middleware = {site!r}
settings.configure(
    SECRET_KEY="benchmark", ALLOWED_HOSTS=["*"], ROOT_URLCONF="benchmarks.start_urls",
    INSTALLED_APPS=["django.contrib." + name for name in
        ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")] + apps,
    MIDDLEWARE=middleware, STATIC_URL="static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    TEMPLATES=[{{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}}],
)
get_wsgi_application()
get_resolver().url_patterns
assert ("eventlog" in sys.modules) == bool(apps)
"""


def start(code: str, directory: str) -> float:
    """Return the CPU seconds of a new process that runs `code`, with bytecode in `directory`."""
    # The first start compiles the modules, because a server's modules are compiled as well.
    environ = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPYCACHEPREFIX"] = directory
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], environ)
    _, status, used = os.wait4(pid, 0)
    require(status == 0, "the site did not start; its error is above")
    return used.ru_utime + used.ru_stime


def main():
    """Measure all variants and print the table."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args()
    sites = {
        "bare site": ([], SITE),
        "with eventlog": (["eventlog"], LOGGED_SITE),
    }
    with TemporaryDirectory() as directory:
        codes = {name: CODE.format(site=site) for name, site in sites.items()}
        runs = {name: partial(start, code, directory) for name, code in codes.items()}
        found = take_turns(runs, args.rounds, warm_up=2)
    print_table(
        f"CPU time of the start, medians of {args.rounds}",
        ["", "ms", "ratio"],
        [
            [name, f"{sorted(own)[len(own) // 2] * 1000:.0f}", ratio(own, found["bare site"])]
            for name, own in found.items()
        ],
    )


if __name__ == "__main__":
    main()
