"""A message centre that speaks SMPP 3.4, does what its script says, and keeps what it took where kill -9 cannot reach.

Run as a process of its own: `python -m tests.texts.centre STORE PORT SCRIPT`, with the script as JSON. It prints one
line when it listens. Lines of JSON on its standard input are texts for the phones' side to send: `{"source": …, …}`.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import smpp34

from answerback.transport.carriers import pdus
from answerback.transport.carriers.pdus import Pdu, packed
from answerback.wire.delivery_receipts import (
    TAG_MESSAGE_STATE,
    TAG_RECEIPTED_MESSAGE_ID,
    TAG_USER_MESSAGE_REFERENCE,
    MessageState,
)

SCHEMA = """
    CREATE TABLE IF NOT EXISTS taken (
        id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, esm_class INTEGER NOT NULL,
        data_coding INTEGER NOT NULL, body BLOB NOT NULL, reference INTEGER, token BLOB,
        source TEXT NOT NULL, receipt_heard INTEGER NOT NULL DEFAULT 0
    ) STRICT;"""
STATE_WORDS = {
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "REJECTD": MessageState.REJECTED,
    "ACCEPTD": MessageState.ACCEPTED,
}


@dataclass
class Script:
    """What the centre does besides its duty."""

    system_id: str = "answer"
    password: str = "secret"
    answers_questions: bool = True
    """`query_sm` by token: what SMPP 3.4 does not know, and some operators may grant."""
    echoes_reference: bool = True
    receipts: str = "both"
    """"text", "tlv", "both" or "none"."""
    receipt_first: bool = False
    receipt_times: int = 1
    stat: dict[str, str] = field(default_factory=dict)
    """By destination, for those that are not delivered."""
    refuse: dict[str, int] = field(default_factory=dict)
    """Status by destination."""
    answer_delay_s: float = 0.0
    throttle_every: int = 0
    silent_every: int = 0
    """Every so many submissions are taken and never answered."""
    die_after_taking: int = 0
    """kill -9 of itself with this submission on the disk and not answered."""
    die_before_taking: int = 0
    """kill -9 of itself with this submission read and not on the disk."""


class Centre:
    """All of its binds, and its store."""

    def __init__(self, store: Path, script: Script) -> None:
        self.script = script
        self.store = sqlite3.connect(store, isolation_level=None)
        self.store.execute("PRAGMA journal_mode = WAL")
        self.store.execute("PRAGMA synchronous = FULL")
        self.store.executescript(SCHEMA)
        self.sessions: list[Session] = []
        self.submissions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        try:
            await session.run()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            if session in self.sessions:
                self.sessions.remove(session)
            writer.close()

    def bound(self, session: "Session") -> None:
        """One bind at a time: what an earlier connection still holds is never read again."""
        for earlier in self.sessions:
            earlier.end()
        self.sessions = [session]

    def deliver(self, words: dict[str, Any]) -> None:
        for session in self.sessions:
            session.deliver(
                words["source"],
                bytes.fromhex(words["body"]),
                esm_class=words.get("esm_class", 0),
                data_coding=words.get("data_coding", 0),
            )


class Session:
    """One connection of somebody."""

    def __init__(self, centre: Centre, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.centre, self.script, self.reader, self.writer = centre, centre.script, reader, writer
        self.sequences = itertools.count(1)
        self.unheard: dict[int, int] = {}
        self.ended = False
        self.tasks: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        self.ended = True
        self.writer.close()

    @property
    def is_current(self) -> bool:
        return not self.ended

    async def run(self) -> None:
        bind = await pdus.read_pdu(self.reader)
        (system_id, password), _ = pdus.read_strings(bind.body, 2)
        wrong = (system_id, password) != (self.script.system_id, self.script.password)
        status = pdus.INVALID_PASSWORD if wrong else pdus.OK
        self.answer(bind, status=status, body=b"centre\0")
        if wrong:
            await self.writer.drain()
            return
        self.centre.bound(self)
        self.repeat_receipts()
        while not self.ended:
            packet = await pdus.read_pdu(self.reader)
            if self.is_current:  # another bind may have come while it was read
                self.take(packet)
            await self.writer.drain()

    def take(self, packet: Pdu) -> None:
        match packet.command:
            case pdus.SUBMIT_SM:
                self.submitted(packet)
            case pdus.QUERY_SM:
                self.queried(packet)
            case pdus.ENQUIRE_LINK:
                self.answer(packet)
            case pdus.UNBIND:
                self.answer(packet)
                self.ended = True
            case command if command == pdus.DELIVER_SM | pdus.RESPONSE:
                id_ = self.unheard.pop(packet.sequence, 0)
                self.centre.store.execute("UPDATE taken SET receipt_heard = 1 WHERE id = ?", (id_,))
            case command if command & pdus.RESPONSE:
                pass
            case _:
                self.answer(packet, status=pdus.INVALID_COMMAND)

    def submitted(self, packet: Pdu) -> None:
        script, centre = self.script, self.centre
        centre.submissions += 1
        count = centre.submissions
        read = smpp34.decode(packet.raw)
        assert isinstance(read, smpp34.SubmitSm)
        if script.throttle_every and count % script.throttle_every == 0:
            self.answer(packet, status=pdus.THROTTLED)
            return
        if read.destination_addr in script.refuse:
            self.answer(packet, status=script.refuse[read.destination_addr])
            return
        if count == script.die_before_taking:
            os.kill(os.getpid(), signal.SIGKILL)
        tlvs = {each.tag: each.value for each in read.tlvs}
        reference = tlvs.get(TAG_USER_MESSAGE_REFERENCE)
        cursor = centre.store.execute(
            "INSERT INTO taken (destination, esm_class, data_coding, body, reference, token, source)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(read.destination_addr, read.esm_class, read.data_coding, read.short_message),
                *(int.from_bytes(reference) if reference else None, tlvs.get(pdus.TAG_OUR_TOKEN), read.source_addr),
            ),
        )
        id_ = cursor.lastrowid
        assert id_ is not None
        if count == script.die_after_taking:
            os.kill(os.getpid(), signal.SIGKILL)
        if script.receipt_first:
            self.receipt(id_)
        if not (script.silent_every and count % script.silent_every == 0):
            self.later(packet, id_)
        elif not script.receipt_first:
            self.receipt(id_)

    def later(self, packet: Pdu, id_: int) -> None:
        async def answer() -> None:
            await asyncio.sleep(self.script.answer_delay_s)
            self.answer(packet, body=f"{id_:x}".encode() + b"\0")
            if not self.script.receipt_first:
                self.receipt(id_)

        if self.script.answer_delay_s:
            task = asyncio.create_task(answer())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.answer(packet, body=f"{id_:x}".encode() + b"\0")
            if not self.script.receipt_first:
                self.receipt(id_)

    def repeat_receipts(self) -> None:
        rows = self.centre.store.execute("SELECT id FROM taken WHERE receipt_heard = 0 ORDER BY id").fetchall()
        for (id_,) in rows:
            self.receipt(id_)

    def receipt(self, id_: int) -> None:
        script = self.script
        if script.receipts == "none":
            return
        destination, source, reference = self.centre.store.execute(
            "SELECT destination, source, reference FROM taken WHERE id = ?", (id_,)
        ).fetchone()
        word = script.stat.get(destination, "DELIVRD")
        text = f"id:{id_:x} sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:{word} err:000 text:hi"
        tlvs = []
        if script.receipts in ("tlv", "both"):
            tlvs.append(smpp34.Tlv(TAG_RECEIPTED_MESSAGE_ID, f"{id_:x}".encode() + b"\0"))
            tlvs.append(smpp34.Tlv(TAG_MESSAGE_STATE, bytes((STATE_WORDS[word],))))
        if script.echoes_reference and reference is not None:
            tlvs.append(smpp34.Tlv(TAG_USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")))
        body = text.encode() if script.receipts in ("text", "both") else b""
        for _ in range(script.receipt_times):
            sequence = self.deliver(destination, body, to=source, esm_class=0x04, tlvs=tlvs)
            self.unheard[sequence] = id_

    def deliver(
        self,
        source: str,
        body: bytes,
        *,
        to: str = "4900",
        esm_class: int = 0,
        data_coding: int = 0,
        tlvs: list[smpp34.Tlv] | None = None,
    ) -> int:
        sequence = next(self.sequences)
        pdu = smpp34.DeliverSm(
            source,
            to,
            body,
            source_addr_ton=1,
            source_addr_npi=1,
            esm_class=esm_class,
            data_coding=data_coding,
            tlvs=tlvs or [],
            sequence_number=sequence,
        )
        if not self.ended:
            self.writer.write(pdu.encode())
        return sequence

    def queried(self, packet: Pdu) -> None:
        if not self.script.answers_questions:
            self.answer(packet, status=pdus.QUERY_FAILED)
            return
        (_id,), rest = pdus.read_strings(packet.body, 1)
        (_source,), rest = pdus.read_strings(rest[2:], 1)
        token = pdus.read_tlvs(rest).get(pdus.TAG_OUR_TOKEN)
        row = self.centre.store.execute("SELECT id FROM taken WHERE token = ?", (token,)).fetchone()
        if row is None:
            self.answer(packet, status=pdus.INVALID_MESSAGE_ID, body=b"\0\0\0\0")
        else:
            self.answer(packet, body=f"{row[0]:x}".encode() + b"\0\0" + bytes((MessageState.ENROUTE, 0)))

    def answer(self, packet: Pdu, *, status: int = pdus.OK, body: bytes = b"") -> None:
        if not self.ended:
            self.writer.write(
                packed(packet.command | pdus.RESPONSE, sequence=packet.sequence, status=status, body=body)
            )


async def main(store: Path, port: int, script: Script) -> None:
    centre = Centre(store, script)
    server = await asyncio.start_server(centre.serve, "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        centre.deliver(json.loads(line))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Script(**json.loads(sys.argv[3]))))
