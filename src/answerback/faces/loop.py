"""Chooses the event loop for a relay: uvloop, where the system has it (decision 0002)."""

import asyncio
import sys
from collections.abc import Coroutine


def run(work: Coroutine[object, object, None]) -> None:
    """Run until it ends."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    uvloop.run(work)
