"""The documentation: ``sphinx-build -W docs build/docs``."""

import sys
from pathlib import Path

import django
from django.conf import settings

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

# The reference is generated from the code, so the models have to be there.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "eventlog",
    ],
    USE_TZ=True,
)
django.setup()

from eventlog_docs.pages import repository  # noqa: E402

import eventlog  # noqa: E402 (after django.setup)

project = "eventlog"
author = "The eventlog contributors"
copyright = f"2026 {author}"  # noqa: A001 (Sphinx's name for it)
release = version = eventlog.__version__
language = "en"
smartquotes = False  # Messages and searches are shown as they are written.

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design", "eventlog_docs.extension"]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["eventlog_docs"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4  # as GitHub makes them, so that links work in both places
myst_links_external_new_tab = False
nitpicky = True
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_exclude = ".linenos, .gp, .go"  # prompts and output of console examples

html_theme = "furo"
html_title = f"eventlog {release}"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": repository(),
    "source_branch": "main",
    "source_directory": "docs/",
    "footer_icons": [],
}
# The checks of external links, which need the network: sphinx-build -b linkcheck
linkcheck_ignore = [
    rf"{repository()}.*",
    r"https?://(127\.0\.0\.1|example\.com|collector).*",
]
linkcheck_anchors = False
