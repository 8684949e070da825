"""CPU time that `LOAD_USER` costs on a page that does not read the user.

The visitor is logged in. The variants take turns, each with sessions in the database and in a
signed cookie. Events go to the dummy backend, so that the figures contain no INSERT.
"""

import time
from statistics import median

from benchmarks.common import (
    DUMMY,
    LOGGED_SITE,
    SITE,
    argument_parser,
    in_turns,
    print_table,
    ratio,
    require,
    setup,
)

ENGINES = {"database": "db", "signed cookie": "signed_cookies"}


def reading_user(get_response):
    """Load the user of each request, as a page does that shows the user's name."""

    def middleware(request):
        bool(request.user.is_authenticated)
        return get_response(request)

    return middleware


def measure(engine, args):
    """Return the microseconds per request of each variant, by round."""
    from django.contrib.auth.models import User
    from django.test import Client, override_settings

    def variant(middleware, *, has_vary=False, **eventlog):
        settings = {
            "MIDDLEWARE": middleware,
            "EVENTLOG": eventlog,
            "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        }
        with override_settings(**settings):
            client = Client()
            client.force_login(User.objects.get_or_create(username="anna")[0])

        def run():
            with override_settings(**settings):
                started = time.process_time()
                for _ in range(args.requests):
                    response = client.get("/ok/")
                spent.append(time.process_time() - started)
            require(response.status_code == 200, f"the status was {response.status_code}")
            require(("Vary" in response.headers) == has_vary, f"Vary: {response.headers}")

        spent = []
        run.spent = spent
        return run

    variants = {
        "bare site": variant(SITE),
        "ours": variant(LOGGED_SITE, **DUMMY),
        "ours, LOAD_USER": variant(LOGGED_SITE, **DUMMY, LOAD_USER=True),
        "bare site that reads the user": variant(
            [*SITE, "benchmarks.load_user.reading_user"], has_vary=True
        ),
    }
    in_turns(variants, args.rounds)
    return {
        name: [seconds / args.requests * 1e6 for seconds in run.spent[1:]]
        for name, run in variants.items()
    }


def main():
    """Measure and print a table for each kind of session."""
    parser = argument_parser(__doc__, database="sqlite")
    parser.add_argument("--requests", type=int, default=500, help="requests per round")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    teardown = setup(args.database)
    try:
        for name, engine in ENGINES.items():
            micros = measure(engine, args)
            print_table(
                f"Sessions in the {name}, µs of CPU per request",
                ["", "µs", "ratio to the bare site"],
                (
                    [variant, f"{median(each):.0f}", ratio(each, micros["bare site"])]
                    for variant, each in micros.items()
                ),
            )
    finally:
        teardown()


if __name__ == "__main__":
    main()
