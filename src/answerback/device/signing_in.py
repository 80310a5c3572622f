"""Signs a device out and in again, and gives its account back to a relay that lost it, while its agent runs."""

import asyncio
import contextlib

from answerback.device.agent import Agent
from answerback.device.registering import Relay, give_back
from answerback.model.registration import Registered, Standing

LOOK_S = 0.02


async def sign_in_again(agent: Agent, *, gentle: bool, timeout_s: float | None) -> Standing:
    """Ask for it and wait until it is done, the time is over, or the relay turns out not to know this device."""
    agent.change(lambda engine, now: engine.register_again(gentle=gentle, now=now))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not _is_over(agent):
                agent.check_alive()
                await asyncio.sleep(LOOK_S)
    return agent.engine.renewing.standing(now=agent.now)


async def give_back_here(agent: Agent, *, code: str, invitation: str = "") -> None:
    """Give the account back to its relay, which has lost it. Raises `RefusedError` with its cause, `Unreachable`."""
    own = agent.identity
    relay = Relay(own.relay_url, own.relay_pin)
    await give_back(agent.journal, own, relay, code=code, invitation=invitation)
    agent.change(lambda engine, now: engine.hint(now=now))


def _is_over(agent: Agent) -> bool:
    renewing = agent.engine.renewing
    is_refused = renewing.standing(now=agent.now).state in (Registered.UNKNOWN, Registered.REVOKED)
    return is_refused or renewing.is_done
