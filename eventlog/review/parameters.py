"""The parameters in the address of the list of events."""

from django.utils.translation import gettext_lazy as _

OLDER_VAR, NEWER_VAR, SCAN_VAR, PICK_VAR = "older", "newer", "scan", "pick"
KIND_VAR, COLUMNS_VAR, FACETS_VAR = "show", "columns", "facets"
SELECT_VAR, FOLLOW_VAR = "select", "follow"
KINDS = {"events": _("events"), "requests": _("requests"), "both": _("both")}
# The state of the page that its links keep.
VIEW_PARAMETERS = (KIND_VAR, COLUMNS_VAR, FACETS_VAR, SELECT_VAR)
PAGE_PARAMETERS = (OLDER_VAR, NEWER_VAR, SCAN_VAR, PICK_VAR, FOLLOW_VAR, *VIEW_PARAMETERS)
