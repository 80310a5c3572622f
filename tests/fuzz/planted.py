"""Targets with a defect: each must be found, or the fuzzer proves nothing."""

import ctypes
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from answerback.faces import local_api
from answerback.model.errors import PeerError
from answerback.relay.accounts import AccountRoutes
from answerback.relay.conversation import Connection
from answerback.relay.effects import Ask, Effect, Moment
from answerback.relay.mailboxes import Mailboxes
from answerback.relay.switchboard import Question, Switchboard, _Entry
from answerback.storage.relay_commands import LANE_COUNT, Take
from answerback.wire.codec import decode_client_frame
from answerback.wire.frames import Ping, Took
from tests.fuzz.agent_targets import AGENT_TARGETS
from tests.fuzz.datagram_target import DATAGRAM_TARGETS
from tests.fuzz.exchange_target import ANN, BEA, EXCHANGE_TARGETS
from tests.fuzz.http_targets import HTTP_TARGETS
from tests.fuzz.target import Probe, Target
from tests.fuzz.wire_targets import WIRE_TARGETS

TRIGGER = 9
"""A `Ping` with a larger echo sets the defect off: a valid frame never has one, a broken one soon does."""


def _decoder(name: str, defect: Callable[[], None]) -> Target:
    """The door for devices' frames, with a defect behind one kind of them."""

    def run(data: bytes) -> int:
        frame = decode_client_frame(data)
        if isinstance(frame, Ping) and frame.echo > TRIGGER:
            defect()
        return 1

    @contextmanager
    def opened() -> Iterator[Probe]:
        with WIRE_TARGETS[0].open() as whole:
            seeds = [data for data in whole.seeds if b"Ping" in data]
            yield Probe(run, seeds, (PeerError,))

    return Target(name=name, what="a planted defect", open=opened)


def _raise() -> None:
    raise KeyError("echo")


def _loop() -> None:
    while True:
        pass


def _stick() -> None:
    """Hang where no alarm is heard, as a loop in C would."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    _loop()


def _hoard() -> None:
    bytearray(16 * 1024**3)


def _crash() -> None:
    ctypes.string_at(0)


def _patched(name: str, of: Target, where: type, what: str, defect: Callable[..., object]) -> Target:
    """A target of the product, with one of its methods replaced."""

    @contextmanager
    def opened() -> Iterator[Probe]:
        with mock.patch.object(where, what, defect), of.open() as probe:
            yield probe

    return Target(name=name, what="a planted defect", open=opened, shape=of.shape, story_bytes=of.story_bytes)


_took = Mailboxes.took


def _took_for_all(self: Mailboxes, connection: Connection, frame: Took, *, moment: Moment) -> list[Effect]:
    """Have what one device took be given up for Bea, too."""
    effects = _took(self, connection, frame, moment=moment)
    if connection.device not in {ANN.device, BEA.device}:
        effects.append(Ask(Take(BEA.device, (max(entry.position for entry in frame.entries),) * LANE_COUNT)))
    return effects


_moved = Switchboard._moved


def _moved_unproven(self: Switchboard, entry: _Entry, question: Question, *, now_s: float) -> None:
    """Believe everybody to be where their datagrams seem to come from."""
    _moved(self, entry, question, now_s=now_s)
    for where in entry.wheres.values():
        where.is_proven = True


async def _stumble(*_: object) -> object:
    raise KeyError("handle")


PLANTED: tuple[Target, ...] = (
    _decoder("planted-raise", _raise),
    _decoder("planted-loop", _loop),
    _decoder("planted-stick", _stick),
    _decoder("planted-hoard", _hoard),
    _decoder("planted-crash", _crash),
    _patched("planted-drop", EXCHANGE_TARGETS[0], Mailboxes, "took", _took_for_all),
    _patched("planted-elsewhere", DATAGRAM_TARGETS[0], Switchboard, "_moved", _moved_unproven),
    _patched("planted-stumble", HTTP_TARGETS[0], AccountRoutes, "ask", _stumble),
    _patched("planted-local", AGENT_TARGETS[0], local_api.LocalApi, "_devices", _stumble),
)
