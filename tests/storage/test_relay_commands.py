"""The words between relay and store show no secrets."""

from answerback.storage.relay_commands import Append, ResolveHandle
from tests.storage.relay_samples import letter


def test_a_command_shows_neither_handle_nor_content() -> None:
    assert "ben@" not in repr(ResolveHandle(1, 2, "ben@example.org"))
    assert "CANARY" not in repr(Append(1, [letter("ann", "CANARY")], 6, 0))
