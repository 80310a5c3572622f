"""A whole relay as a process of its own, with room for a fuzzer: prints its URL, and each code that it would send."""

import asyncio
import json
import sys
from pathlib import Path

from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate
from answerback.relay.proving import ProvingLimits
from answerback.relay.serve import RelaySettings, Tls, run_relay

ROOM = Rate(burst=10_000_000, per_s=1_000_000)
"""Limits have tests of their own; here they would answer for what lies behind them."""


async def main(folder: Path) -> None:
    settings = RelaySettings(
        folder=folder,
        port=0,
        tls=Tls.NONE,
        is_open=True,
        http=HttpLimits(rate=ROOM, costly_rate=ROOM),
        proving=ProvingLimits(codes=ROOM, wrong_tries=ROOM),
    )
    await run_relay(
        settings,
        on_ready=lambda ready: print(json.dumps({"url": ready.url}), flush=True),
        on_code=lambda handle, code: print(json.dumps({"handle": handle.text, "code": code}), flush=True),
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
