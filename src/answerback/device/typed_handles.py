"""Reads handles as the person of this device types them: numbers without a country are read as dialled from here."""

from typing import Final

from answerback.model.errors import UsageError
from answerback.model.handle import Handle, check_region, read_handle, region_of
from answerback.storage.history import History
from answerback.storage.journal import Journal

REGION_SETTING: Final = "handles.region"


def typed_handle(text: str, *, history: History, own: Handle) -> Handle:
    """Read one handle; the region is the one that was chosen, else that of this account's own number.

    Raises `UsageError` that says what is wrong with it.
    """
    try:
        return read_handle(text)
    except UsageError:
        region = kept_region(history) or region_of(own)
        if not region or text.strip().startswith("+"):
            raise
    return read_handle(text, region=region)


def kept_region(history: History) -> str:
    """The region a person chose; empty if nobody did."""
    return history.setting(REGION_SETTING) or ""


def keep_region(journal: Journal, region: str) -> str:
    """Keep a chosen region, or with an empty one forget the choice. Raises `UsageError` if there is no such region."""
    if not region:
        journal.drop_setting(REGION_SETTING)
        return ""
    checked = check_region(region)
    journal.keep_setting(REGION_SETTING, checked)
    return checked
