"""Proves that an error is the same on both sides of the local interface."""

import pytest

from answerback.faces.troubles import error_of, kind_of
from answerback.model.causes import Cause
from answerback.model.errors import (
    AnswerbackError,
    PeerError,
    RefusedError,
    StorageError,
    StoreCorruptError,
    StoreFullError,
    TrustError,
    UsageError,
)
from answerback.transport.failures import Deferred, Unreachable


@pytest.mark.parametrize("kind", [UsageError, PeerError, TrustError, StorageError, StoreFullError, StoreCorruptError])
def test_an_error_survives_the_crossing(kind: type[AnswerbackError]) -> None:
    again = error_of(kind_of(kind("why")), "why", None)
    assert type(again) is kind
    assert str(again) == "why"


def test_a_cause_survives_the_crossing() -> None:
    refused = error_of(kind_of(RefusedError(Cause.ACCOUNT_CODE_WRONG)), "no", "account.code_wrong")
    assert isinstance(refused, RefusedError)
    assert refused.cause is Cause.ACCOUNT_CODE_WRONG
    for error in (Unreachable(Cause.RELAY_BUSY), Deferred(Cause.RELAY_BUSY, retry_after_ms=1)):
        again = error_of(kind_of(error), "busy", "relay.busy")
        assert isinstance(again, Unreachable)
        assert again.cause is Cause.RELAY_BUSY


def test_a_kind_nobody_knows_is_still_an_error_of_ours() -> None:
    assert type(error_of("new", "why", None)) is AnswerbackError
    assert kind_of(AnswerbackError("x")) == "error"
