"""Tries a real relay by its own OpenAPI document, with schemathesis: `python -m tests.fuzz.interface --examples 500`.

Every check that schemathesis has is on: no server errors, statuses, media, headers and schemas as documented, what the
document forbids is refused, what it allows is taken, no route without the proof that it names. Two exceptions, where a
document cannot say what is allowed: the beginnings of WebSockets; and bodies whose bytes are signed or part of a whole.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

from answerback.device.client import Client
from answerback.device.registering import Relay, register, request_code
from answerback.model.handle import Handle
from answerback.relay.openapi import OPENAPI_PATH
from answerback.storage.vault import KeySource

START_S_MAX = 60.0
STOP_S_MAX = 20.0
CONFIG = """
[parameters]
"query.wait_s" = 0

[checks.negative_data_rejection]
# what is too long is refused for its length, whatever else is wrong with it
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

[[operations]]
include-name = [
    "GET /v1/frames", "GET /v1/files", "POST /v1/accounts", "POST /v1/recoveries", "POST /v1/lists",
    "PUT /v1/blobs/{blob}",
]

[operations.checks]
positive_data_acceptance.enabled = false
"""


@dataclass
class Interface:
    """A relay that runs, and what it printed."""

    url: str
    said: "Queue[dict[str, str]]"
    log: list[str] = field(default_factory=list)

    async def token(self, folder: Path) -> str:
        """Register a device, connect it, and return the token it was given: it is good until the relay ends."""
        relay, handle = Relay(self.url, None), Handle("fuzz@example.org")
        await request_code(relay, handle)
        code = (await asyncio.to_thread(self.said.get, timeout=START_S_MAX))["code"]
        now_ms = time.time_ns() // 1_000_000
        await register(folder, relay, handle, code=code, device_name="fuzzer", source=KeySource.FILE, now_ms=now_ms)
        async with Client.open(folder) as client:
            await client.handles.told()
            return client.agent.engine.machines.token.hex()


@contextmanager
def relay_process(folder: Path) -> Iterator[Interface]:
    """Run a relay in a process until the block ends; it must not have ended by itself, nor logged a defect."""
    command = [sys.executable, "-m", "tests.fuzz.interface_child", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said: Queue[dict[str, str]] = Queue()
    interface = Interface("", said)

    def hear() -> None:
        for line in process.stdout or ():
            said.put(json.loads(line))

    def read_log() -> None:
        interface.log.extend(process.stderr or ())

    readers = [threading.Thread(target=each, daemon=True) for each in (hear, read_log)]
    for reader in readers:
        reader.start()
    try:
        interface.url = said.get(timeout=START_S_MAX)["url"]
        yield interface
        assert process.poll() is None, "the relay has ended"
    finally:
        process.terminate()
        process.wait(STOP_S_MAX)
        for reader in readers:
            reader.join(STOP_S_MAX)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def tried(folder: Path, *, examples: int, seed: int | None = None) -> tuple[int, str, list[str]]:
    """Try a fresh relay; return schemathesis' verdict (0 is good), its report, and what the relay logged."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with relay_process(folder / "relay") as interface:
        token = asyncio.run(interface.token(folder / "device"))
        command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
        command += ["--config-file", str(config), "run", interface.url + OPENAPI_PATH]
        command += ["-H", f"Authorization: Bearer {token}", "--max-examples", str(examples)]
        command += ["--continue-on-failure", "--no-color", "--warnings", "off"]
        command += ["--phases", "examples,coverage,fuzzing"]
        command += ["--seed", str(seed)] if seed is not None else []
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return run.returncode, run.stdout + run.stderr, interface.log


def main() -> int:
    """Try it for as long as is asked for, and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=300, help="how many requests of each kind and route")
    parser.add_argument("--seed", type=int, help="repeat a run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict, report, log = tried(Path(folder), examples=given.examples, seed=given.seed)
    print(report)
    print("".join(log))
    return verdict or bool(log)


if __name__ == "__main__":
    sys.exit(main())
