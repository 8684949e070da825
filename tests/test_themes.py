"""The admin's links under themes that replace Django's templates."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eventlog

SCRIPT = """
import sys
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[sys.argv[1], "django.contrib.admin", "django.contrib.auth",
        "django.contrib.contenttypes", "django.contrib.messages", "django.contrib.sessions",
        "django.contrib.staticfiles", "eventlog"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages"]}}],
    SECRET_KEY="of a theme", ROOT_URLCONF="__main__", STATIC_URL="/static/", USE_TZ=True,
)
import django
django.setup()
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import path
from django.contrib.auth.models import User
from eventlog.admin import EventsMixin
from eventlog.models import log
admin.site.unregister(User)
admin.site.register(User, type("UserAdmin", (EventsMixin, admin.ModelAdmin), {}))
urlpatterns = [path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
root = User.objects.create_superuser("root")
for number in range(3):
    event = log(root, f"E{number}", {"path": "/a/", "order": {"id": 7}}) if number < 2 else event
client = Client(HTTP_HOST="localhost")
client.force_login(root)
LIST = "/admin/eventlog/log/"
html = client.get(LIST).content.decode()
assert html.count(f'href="{LIST}overview/"') == 1, html
assert f'href="{LIST}export/csv/' in html
assert f'href="{LIST}{event.pk}/change/' in html
assert 'name="q"' in html
html = client.get(f"{LIST}overview/").content.decode()
assert "Busiest hours" in html
html = client.get(f"{LIST}{event.pk}/change/").content.decode()
assert 'rel="next"' in html
assert "around this time" in html
assert "order.<wbr>id" in html
assert f'href="{LIST}?q=user%3Aroot">Same user</a>' in html
assert "All data as JSON" in html
assert "eventlog/event.css" in html and "eventlog/copy.js" in html
html = client.get(f"/admin/auth/user/{root.pk}/change/").content.decode()
assert "Done by" in html and "Done to" in html
"""


STYLES = Path(eventlog.__file__).parent / "static" / "eventlog"


def test_each_colour_of_django_has_a_value_for_themes_without_it():
    styles = " ".join(path.read_text() for path in STYLES.glob("*.css"))
    used = set(re.findall(r"var\((--[\w-]+)\)", styles))  # without a value of its own
    assert used
    assert used <= set(re.findall(r"(--[\w-]+):", styles))


@pytest.mark.parametrize("theme", ["jazzmin", "unfold", "django.contrib.humanize"])
def test_pages_link_to_each_other_under_a_theme(theme):
    pytest.importorskip(theme.partition(".")[0])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, theme], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr[-2000:]
