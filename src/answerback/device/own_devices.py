"""Names and removes the devices of an account, from one of them."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from typing import Protocol, Self

from answerback.core.effects import News
from answerback.crypto.identity import RootKey, next_device_list, read_device_list
from answerback.device.agent import Agent, AgentEnded
from answerback.device.renewing import AGAIN_S, renew
from answerback.model.causes import Cause
from answerback.model.devices import DEVICE_NAME_CHARACTERS_MAX, Signed
from answerback.model.errors import AnswerbackError, RefusedError, StorageError, UsageError
from answerback.model.ids import DeviceId
from answerback.transport.failures import Deferred, Unreachable

log = logging.getLogger(__name__)
TRIES_MAX = 4
"""Another device may announce a list at the same moment: then the newest is fetched, and this one follows it."""
LOOK_S = 0.05


class Announcing(Protocol):
    """Makes a device list the account's newest; raises `RefusedError` if the relay does not take it."""

    def __call__(self, signed: Signed, *, next_root: bytes = b"") -> Awaitable[None]:
        """Announce it, with the root key that signed it if that is a new one."""
        ...


class Hearing(Protocol):
    """The news of one listener, in order."""

    def __enter__(self) -> Self:
        """Begin to hear."""
        ...

    def __exit__(self, *_: object) -> None:
        """Hear no more."""
        ...

    async def get(self) -> News:
        """Wait for the next piece of news. Raises `AgentEnded` once none can come."""
        ...


def checked_name(name: str) -> str:
    """Give a device's name as it is kept, or raise `UsageError`."""
    wanted = " ".join(name.split())
    if not wanted or not wanted.isprintable():
        raise UsageError("a device's name is some printable text")
    if len(wanted) > DEVICE_NAME_CHARACTERS_MAX:
        raise UsageError(f"a device's name has at most {DEVICE_NAME_CHARACTERS_MAX} characters")
    return wanted


async def revoke(agent: Agent, announce: Announcing, device: DeviceId, *, keep_root: bool, timeout_s: float) -> None:
    """Have the account's next list leave a device out. Done already is done.

    The removed device holds the account's root key, so the list is signed by a new one, which our other devices are
    sent; with `keep_root` the old one stays, for a device that is known to be wiped. Raises `UsageError` if this device
    may not, `RefusedError` if the relay refuses or cannot be asked within the time.
    """
    own = agent.identity
    if device == own.device:
        raise UsageError("this is the device you use now: remove it from another one of yours")
    try:
        async with asyncio.timeout(timeout_s):
            for _ in range(TRIES_MAX):
                if await _announced_without(agent, announce, device, keep_root=keep_root):
                    return
    except TimeoutError as error:
        cause = agent.engine.machines.path.cause or Cause.NETWORK_STALLED
        raise RefusedError(cause, "the relay could not be asked; whether the device is removed is not known") from error
    raise RefusedError(Cause.TRUST_KEYS_CHANGED, "the account's list of devices keeps changing; try again")


async def _announced_without(agent: Agent, announce: Announcing, device: DeviceId, *, keep_root: bool) -> bool:
    own, machines = agent.identity, agent.engine.machines
    current = machines.roster.list_of(own.account)
    if current is None or not machines.root:
        raise UsageError("this device may not remove others: it does not hold the account's root key")
    before = read_device_list(own.account, current)
    if before.device(device) is None:
        if machines.roster.former.get(device) == own.account:
            return True
        raise UsageError("that is none of your account's devices")
    root = RootKey.from_seed(machines.root, account=own.account)
    heir = None if keep_root else RootKey.from_seed(machines.next_root) if machines.next_root else RootKey.generate()
    rest = [each for each in before.devices if each.id != device]
    signed = next_device_list(root, current, rest, agent.now.wall_ms, heir=heir)
    try:
        await announce(signed, next_root=heir.seed if heir is not None else b"")
    except RefusedError as refused:
        if refused.cause is not Cause.TRUST_KEYS_CHANGED:
            raise
        # The newest is being fetched.
        while agent.engine.machines.roster.version(own.account) == before.version:  # noqa: ASYNC110 - no news of it
            await asyncio.sleep(LOOK_S)
        return False
    return True


async def renew_when_superseded(agent: Agent, hearing: Hearing) -> None:
    """Become a new device when this one turns out to be a copy of one that has gone on; for as long as it runs."""
    with hearing as news, contextlib.suppress(AgentEnded):
        while True:
            while agent.engine.machines.registration.ended is not Cause.DEVICE_RESTORED:
                await news.get()
            try:
                agent.become(await renew(agent.journal, agent.identity, now_ms=agent.now.wall_ms))
            except (Unreachable, Deferred, StorageError) as error:
                log.warning("= a new device could not be made yet: %s", error)
                await asyncio.sleep(AGAIN_S)
            except AnswerbackError as error:
                log.error("! no new device can be made of this copy: %s", error)  # noqa: TRY400 - it says all
                return
