"""A machine with several addresses answers from the one it was asked at."""

import socket
import sys
from contextlib import closing

import pytest

from answerback.relay.datagram_socket import DatagramSocket

WORD = b"are you there?"
PATIENCE_S = 5.0


def ask(listening: DatagramSocket, host: str) -> bytes:
    """Ask at one address of this machine, hearing nothing but that address, and give the answer."""
    listening.socket.settimeout(PATIENCE_S)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as device:
        device.settimeout(PATIENCE_S)
        device.connect((host, listening.socket.getsockname()[1]))
        device.send(WORD)
        data, address = listening.read(100)
        listening.write(data, address)
        again = device.recv(100)
        listening.write(b"called", address)
        assert device.recv(100) == b"called"
        return again


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TRIED: elsewhere the system chooses, as docs/operate.md says")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.8.7.6"])
def test_a_socket_on_all_addresses_answers_from_the_one_that_was_asked(host: str) -> None:
    with closing(DatagramSocket(socket.AF_INET, ("0.0.0.0", 0))) as listening:
        assert ask(listening, host) == WORD


@pytest.mark.parametrize(
    ("family", "own", "host"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_a_socket_with_an_address_of_its_own_answers_from_it(family: int, own: str, host: str) -> None:
    with closing(DatagramSocket(family, (own, 0))) as listening:
        assert ask(listening, host) == WORD


def test_where_nothing_is_to_be_read_that_is_said_at_once() -> None:
    with closing(DatagramSocket(socket.AF_INET, ("127.0.0.1", 0))) as listening, pytest.raises(BlockingIOError):
        listening.read(100)


def test_a_port_that_is_taken_is_an_error() -> None:
    with closing(DatagramSocket(socket.AF_INET, ("127.0.0.1", 0))) as one, pytest.raises(OSError, match="in use"):
        DatagramSocket(socket.AF_INET, one.socket.getsockname())
