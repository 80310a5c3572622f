"""Makes network namespaces without a name, and network devices in them that a program plays: TUN.

Nothing here outlives the processes that hold it: a namespace without a name goes with the last descriptor and the last
process in it, a TUN device with its descriptor. So there is nothing to clean up, however a run ends, and the host's
own interfaces and routes are never touched.
"""

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from answerback.lab.packets.netlink import Netlink, open_netlink
from answerback.lab.packets.troubles import LabBroken, NamespacesRefused

T = TypeVar("T")

TUN_DEVICE: Final = "/dev/net/tun"
LOOPBACK_INDEX: Final = 1
NOT_LINUX: Final = "network namespaces are a thing of Linux"

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_TUN, _SET_CARRIER = 0x400454CA, 0x400454E2
_IS_TUN, _NO_HEADER = 0x0001, 0x1000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network of its own, for as long as somebody holds it."""

    held: int
    """A descriptor that keeps it, and by which children enter it."""
    control: socket.socket

    def close(self) -> None:
        """Let go of it."""
        self.control.close()
        os.close(self.held)


@dataclass(frozen=True, slots=True)
class Tun:
    """A network device whose packets are read and written through a descriptor."""

    number: int
    index: int
    name: str

    def set_carrier(self, *, on: bool) -> None:
        """Plug the cable in or pull it out; the interface stays switched on."""
        set_carrier(self.number, on=on)


def make_namespace() -> Namespace:
    """Make a network with nothing but its loopback. Raises `NamespacesRefused` where that is not allowed."""

    def make() -> Namespace:
        _call("unshare", _NEW_NETWORK)
        made = Namespace(os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC), open_netlink())
        Netlink(made.control).set_link(LOOPBACK_INDEX, up=True)
        return made

    return _in_thread(make)


def open_tun(namespace: Namespace, name: str) -> Tun:
    """Make a TUN device in a namespace. Raises `NamespacesRefused` where that is not allowed."""

    def make() -> Tun:
        enter(namespace.held)
        try:
            number = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NamespacesRefused(f"{TUN_DEVICE} cannot be opened: {error.strerror}") from error
        try:
            _control(number, _SET_TUN, struct.pack("16sH22x", name.encode(), _IS_TUN | _NO_HEADER))
        except OSError as error:
            os.close(number)
            raise NamespacesRefused(f"no TUN device can be made: {error.strerror}") from error
        return Tun(number, socket.if_nametoindex(name), name)

    return _in_thread(make)


def set_carrier(number: int, *, on: bool) -> None:
    """Tell the system whether the network device behind a descriptor has its cable in."""
    _control(number, _SET_CARRIER, struct.pack("i", on))


def enter(held: int) -> None:
    """Move the calling thread, and what it starts from now on, into a namespace."""
    _call("setns", held, _NEW_NETWORK)


def become_own_root() -> None:
    """Take the rights a lab needs in a user namespace of our own; call it before there is a second thread.

    Root needs none. Raises `NamespacesRefused` where the system does not allow it, and has then changed nothing.
    """
    if not hasattr(os, "geteuid"):
        raise NamespacesRefused(NOT_LINUX)
    if os.geteuid() == 0:
        return
    # Some systems give a user namespace without any rights in it, and there is no way back: so a child tries first.
    trying = os.fork()
    if trying == 0:
        try:
            _enter_own_users()
            _call("unshare", _NEW_NETWORK)
        except (LabBroken, OSError):
            os._exit(1)
        os._exit(0)
    if os.waitpid(trying, 0)[1] != 0:
        raise NamespacesRefused("no user namespace can be made: this needs root here")
    _enter_own_users()


def _enter_own_users() -> None:
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _NEW_USER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")


def _control(number: int, request: int, argument: bytes) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none, and must be able to say that it has no namespaces either

    fcntl.ioctl(number, request, argument)


def _call(name: str, *arguments: int) -> None:
    try:
        call = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError) as error:
        raise NamespacesRefused(NOT_LINUX) from error
    if call(*arguments) != 0:
        raise NamespacesRefused(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")


def _in_thread(work: Callable[[], T]) -> T:
    """Run in a thread that ends afterwards: a thread moves between namespaces alone, and should not come back."""
    done: list[T] = []
    broke: list[LabBroken] = []

    def run() -> None:
        try:
            done.append(work())
        except LabBroken as error:
            broke.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if broke:
        raise broke[0]
    return done[0]
