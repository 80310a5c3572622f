"""A namespace has nothing but what was made in it, and goes with whoever holds it."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from answerback.lab.packets.namespaces import become_own_root, enter, make_namespace, open_tun
from answerback.lab.packets.netlink import Netlink
from answerback.lab.packets.troubles import NamespacesRefused

pytestmark = pytest.mark.usefixtures("namespaces")


def names_in(held: int) -> list[str]:
    found: list[str] = []

    def look() -> None:
        enter(held)
        found.extend(name for _, name in socket.if_nameindex())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found


def test_a_namespace_is_apart_from_ours_and_its_devices_are_not_seen_here() -> None:
    ours = socket.if_nameindex()
    namespace = make_namespace()
    try:
        assert names_in(namespace.held) == ["lo"]
        tun = open_tun(namespace, "path0")
        assert set(names_in(namespace.held)) == {"lo", "path0"}
        assert socket.if_nameindex() == ours
        os.close(tun.number)
        assert names_in(namespace.held) == ["lo"], "a device goes with its descriptor"
    finally:
        namespace.close()


def test_the_carrier_can_be_lost_and_found() -> None:
    namespace = make_namespace()
    tun = open_tun(namespace, "path0")
    try:
        Netlink(namespace.control).set_link(tun.index, up=True)
        for on in (True, False, True):
            tun.set_carrier(on=on)
            until_s = time.monotonic() + 5.0  # the system tells of a carrier up to a second later, as it always does
            while _is_running(namespace.held) is not on:
                assert time.monotonic() < until_s
    finally:
        os.close(tun.number)
        namespace.close()


def _is_running(held: int) -> bool:
    found: list[bool] = []

    def look() -> None:
        enter(held)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            answer = fcntl.ioctl(asking, 0x8913, struct.pack("16sH22x", b"path0", 0))
            found.append(bool(struct.unpack_from("H", answer, 16)[0] & 0x40))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_a_name_that_no_device_can_have_is_refused() -> None:
    namespace = make_namespace()
    try:
        open_tun(namespace, "same")
        with pytest.raises(NamespacesRefused):
            open_tun(namespace, "lo")
    finally:
        namespace.close()


def test_root_stays_who_it_is() -> None:
    before = Path("/proc/self/ns/user").readlink()
    become_own_root()
    assert Path("/proc/self/ns/user").readlink() == before or os.geteuid() != 0


def test_whoever_is_refused_a_user_namespace_is_as_before() -> None:
    story = (
        "import os, answerback.lab.packets.namespaces as n\n"
        "os.geteuid = lambda: 1000\n"
        "n._enter_own_users = lambda: n._call('setns', -1)\n"
        "try: n.become_own_root()\n"
        "except n.NamespacesRefused as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True)
    assert "needs root" in told.stdout
