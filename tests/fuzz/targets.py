"""Every target, by name."""

from typing import Final

from tests.fuzz.agent_targets import AGENT_TARGETS
from tests.fuzz.backup_target import BACKUP_TARGETS
from tests.fuzz.crypto_targets import CRYPTO_TARGETS
from tests.fuzz.datagram_target import DATAGRAM_TARGETS
from tests.fuzz.engine_target import ENGINE_TARGETS
from tests.fuzz.exchange_target import EXCHANGE_TARGETS
from tests.fuzz.http_targets import HTTP_TARGETS
from tests.fuzz.loopback_targets import LOOPBACK_TARGETS
from tests.fuzz.planted import PLANTED
from tests.fuzz.target import Target
from tests.fuzz.text_targets import TEXT_TARGETS
from tests.fuzz.websocket_target import WEBSOCKET_TARGETS
from tests.fuzz.wire_targets import WIRE_TARGETS

TARGETS: Final[tuple[Target, ...]] = (
    *WIRE_TARGETS,
    *TEXT_TARGETS,
    *CRYPTO_TARGETS,
    *BACKUP_TARGETS,
    *EXCHANGE_TARGETS,
    *DATAGRAM_TARGETS,
    *ENGINE_TARGETS,
    *HTTP_TARGETS,
    *WEBSOCKET_TARGETS,
    *AGENT_TARGETS,
    *LOOPBACK_TARGETS,
)


def find(name: str) -> Target:
    """Find one target, or one of those with a defect."""
    return next(target for target in (*TARGETS, *PLANTED) if target.name == name)
