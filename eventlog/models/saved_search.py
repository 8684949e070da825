"""The table of saved searches."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .relations import LinkField

MAX_NAME_LENGTH = 80
MAX_QUERY_LENGTH = 8000  # of a search of 2,000 characters, percent-encoded, with its columns


class SavedSearch(models.Model):
    """A search of the list of events under a name, for its owner or for all staff."""

    id = models.BigAutoField(primary_key=True)
    # The key is set to NULL when the account is deleted. Its private searches are not shown then.
    owner = LinkField(
        settings.AUTH_USER_MODEL,
        null=True,
        related_name="+",
        verbose_name=pgettext_lazy("eventlog", "user"),
    )
    name = models.CharField(pgettext_lazy("eventlog", "name"), max_length=MAX_NAME_LENGTH)
    query = models.CharField(_("search"), max_length=MAX_QUERY_LENGTH, blank=True)
    is_shared = models.BooleanField(_("shared with all staff"), default=False)
    is_default = models.BooleanField(_("shown first"), default=False)

    class Meta:
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        ordering = ("name", "id")
        permissions = [("share_savedsearch", "Can share saved searches")]

    def __str__(self) -> str:
        return str(self.name)
