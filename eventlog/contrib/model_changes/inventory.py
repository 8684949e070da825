"""The part of the inventory about model changes."""

from collections.abc import Iterator

from django.apps import apps

from ...diagnostics.inventory import Entry, joined_names
from .tracking import KINDS, tracking_of


def tracked_model_entries() -> Iterator[Entry]:
    """Yield the tracked models with their actions and fields."""
    for model in apps.get_models():
        tracking = tracking_of(model)
        if tracking is not None and tracking.model is model:
            actions = joined_names(tracking.action(kind) for kind in KINDS)
            fields = [field.name for field in (*tracking.columns.values(), *tracking.relations)]
            detail = f"{actions}; fields: {joined_names(fields)}"
            yield Entry("recorded", f"changes of {model._meta.label}", detail)
