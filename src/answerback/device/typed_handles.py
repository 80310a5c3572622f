"""Keeps from where a person dials: numbers that are typed without a country are read as dialled from there."""

from typing import Final

from answerback.model.handle import check_region
from answerback.storage.history import History
from answerback.storage.journal import Journal

REGION_SETTING: Final = "handles.region"


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
