"""Walks the whole way with real processes: a relay, two people, a second device, and a relay that goes away."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEP_S_MAX = 60


@dataclass
class Terminal:
    """Somebody's command line, each command a process of its own."""

    home: Path

    def run(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "answerback", "--home", str(self.home), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=STEP_S_MAX, stdin=subprocess.DEVNULL
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def told(self, *arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
        lines = [json.loads(line) for line in self.run(*arguments, "--json", code=code).stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines


@contextmanager
def process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command that stays, and end it as Ctrl-C would."""
    command = [sys.executable, "-m", "answerback", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGINT)
            running.wait(STEP_S_MAX)


def line(running: "subprocess.Popen[str]") -> Any:  # noqa: ANN401 - JSON
    assert running.stdout is not None
    return json.loads(running.stdout.readline())


@contextmanager
def relay(folder: Path, port: int = 0) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    with process("serve", "--data", str(folder), "--port", str(port), "--json") as running:
        yield running, line(running)


def join(terminal: Terminal, invitation: str, handle: str, running: "subprocess.Popen[str]") -> None:
    terminal.run("register", invitation, handle, "--key", "file", code=2)
    code = line(running)
    assert code["handle"] == handle
    terminal.run(
        "register", invitation, handle, "--key", "file", "--name", f"{handle[:3]}'s laptop", "--code", code["code"]
    )


def test_from_nothing_to_a_message_that_survives_the_relay(tmp_path: Path) -> None:
    ann, bea, phone = (Terminal(tmp_path / name) for name in ("ann", "bea", "phone"))
    with relay(tmp_path / "relay") as (running, ready):
        port = ready["port"]
        invitation = ann.told("invite", "--data", str(tmp_path / "relay"), "--uses", "2")["invitation"]
        join(ann, invitation, "ann@example.org", running)
        join(bea, invitation, "bea@example.org", running)
        link_a_phone(ann, phone, ready["url"])
        without_a_daemon(ann, bea, phone, tmp_path)
        with_a_daemon(ann, bea)
    while_the_relay_is_away(ann, bea, tmp_path / "relay", port)


def link_a_phone(ann: Terminal, phone: Terminal, url: str) -> None:
    with process("--home", str(ann.home), "link", "--yes", "--json") as linking:
        phone.run("link", line(linking)["code"], "--relay", url, "--name", "phone", "--key", "file")
        assert line(linking)["asks"] == "phone"
        assert "device" in line(linking)
        assert linking.wait(STEP_S_MAX) == 0
    assert [device["name"] for device in ann.told("devices")] == ["ann's laptop", "phone"]


def without_a_daemon(ann: Terminal, bea: Terminal, phone: Terminal, folder: Path) -> None:
    photo = folder / "photo.jpg"
    photo.write_bytes(os.urandom(100_000))
    sent = bea.told("send", "ann@example.org", "hello from bea")
    assert sent["stage"] == "accepted"
    assert sorted(copy["device_name"] for copy in sent["copies"]) != []
    bea.run("send", "ann@example.org", "--file", str(photo), "--urgent")
    for device in (ann, phone):
        texts = device.told("inbox")
        assert [message["text"] for message in texts] == ["hello from bea", ""]
        assert Path(texts[1]["file"]["path"]).read_bytes() == photo.read_bytes()
    bea.run("inbox")
    life = bea.told("why", sent["id"][-8:])
    assert life["stage"] == "delivered"
    assert {copy["steps"][-1]["evidence"] for copy in life["copies"]} == {"receipt"}
    assert len(life["copies"]) == 2
    assert re.search(r"2 of 2 devices have answered back", bea.run("why", sent["id"][-8:]).stdout)
    assert bea.told("status")["running"] is False


def with_a_daemon(ann: Terminal, bea: Terminal) -> None:
    with process("--home", str(ann.home), "daemon", "--json") as daemon:
        assert line(daemon)["event"] == "ready"
        with process("--home", str(ann.home), "watch", "--json") as watching:
            assert line(watching)["event"] == "link"
            bea.run("send", "ann@example.org", "are you there?")
            event = line(watching)
            while event["event"] != "arrived":
                event = line(watching)
            assert event["message"]["text"] == "are you there?"
        assert ann.told("status")["connected"] is True
        assert ann.told("inbox")[-1]["text"] == "are you there?"
        ann.run("inbox", "--mark-read")
        assert ann.told("send", "bea@example.org", "yes", "--wait", "relay")["stage"] == "accepted"
    assert daemon.returncode == 0
    asked = [message["id"] for message in bea.told("inbox") if message["mine"]][-1]
    stages = {copy["device_name"]: copy["stage"] for copy in bea.told("why", asked)["copies"]}
    assert stages == {"ann's laptop": "read", "phone": "accepted"}  # the phone was away


def while_the_relay_is_away(ann: Terminal, bea: Terminal, folder: Path, port: int) -> None:
    told = ann.told("send", "bea@example.org", "from the tunnel", "--timeout", "2", code=3)
    assert told["stage"] == "queued"
    (wait,) = [copy["wait"] for copy in told["copies"] if not copy["own"]]
    assert wait["cause"] == "network.relay_unreachable"
    assert ann.told("why")["id"] == told["id"]
    assert "relay does not answer" in bea.run("inbox").stderr
    with relay(folder, port):
        ann.run("inbox")
        assert bea.told("inbox")[-1]["text"] == "from the tunnel"
        ann.run("inbox")
        assert ann.told("why", told["id"])["answered"] is True
