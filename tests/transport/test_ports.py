"""Proves that the world an agent is given by default is this machine's, and that the real line fits its port."""

import time

from answerback.transport.approach import Approach
from answerback.transport.dialling import DialledLine, Dialler
from answerback.transport.ports import Carrier, Dial, Dialled, Ports, RelayLine
from answerback.transport.websocket import WebSocketLine


def test_the_usual_world_has_this_machines_clocks_and_chance() -> None:
    dial: Dial = Dialler(Approach("https://127.0.0.1:1"))
    ports = Ports(dial)
    before_s, before_ms = time.monotonic(), time.time_ns() // 1_000_000
    assert before_s <= ports.monotonic_s() <= time.monotonic()
    assert before_ms <= ports.wall_ms() <= time.time_ns() // 1_000_000
    assert len(ports.randomness(32)) == 32
    assert ports.randomness(32) != ports.randomness(32)


def test_the_real_line_has_every_verb_of_its_port() -> None:
    verbs = {name for name, member in vars(RelayLine).items() if callable(member) and not name.startswith("_")}
    assert verbs == {"send", "frames", "close"}
    assert verbs <= set(vars(WebSocketLine))


def test_a_dialled_connection_goes_on_or_is_let_go_of() -> None:
    verbs = {name for name in vars(Dialled) if not name.startswith("_")}
    assert verbs == {"proceed", "close"}
    assert verbs <= set(vars(DialledLine))


def test_a_carrier_says_what_it_can_prove_and_who_can_read() -> None:
    members = {name for name in vars(Carrier) if not name.startswith("_")}
    assert members == {
        *("name", "price", "is_confirming", "is_encrypted"),
        *("parts", "submit", "words", "close"),
    }
