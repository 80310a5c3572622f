"""Shows the relay's log as far as this device has proven it, and any evidence against the relay."""

import base64
import contextlib
from typing import Any

import click

from answerback.core.log_facts import KeepEvidence, KeepLog
from answerback.crypto.transparency import read_head
from answerback.faces.access import asked_passphrase, device_folder
from answerback.faces.output import note, say_beside, tell_json, wall_ms
from answerback.faces.sentences import CAUSES
from answerback.faces.times import clock, span
from answerback.model.devices import Signed

LABEL = 12
NAME_DIGITS = 16


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, with the signed heads themselves.")
@click.pass_context
def log(ctx: click.Context, *, as_json: bool) -> None:
    """Show the relay's log, and what is wrong with it.

    The relay writes down every list of devices and every handle; this device checks each of its answers against that.
    Evidence is what the relay has signed and cannot have meant honestly: --json prints it for others to check.
    """
    from answerback.device.home import open_history

    folder = device_folder(ctx.obj)
    with contextlib.closing(open_history(folder, passphrase=asked_passphrase(folder))) as history:
        kept, evidence = history.log(), history.evidence()
        names = {contact.account: contact.handle for contact in history.contacts()}
    if as_json:
        tell_json({"log": _log_told(kept), "evidence": [_evidence_told(each) for each in evidence]})
        return
    for label, value in log_lines(kept, now_ms=wall_ms()):
        say_beside(label, value, width=LABEL)
    for each in evidence:
        click.echo()
        who = f"  ({names.get(each.account, each.account.hex()[:NAME_DIGITS])})" if each.account is not None else ""
        say_beside(clock(each.wall_ms, now_ms=wall_ms()), f"{CAUSES[each.cause].sentence}{who}", width=LABEL)
        for whose, signed in (("we know", each.ours), ("shown", each.theirs)):
            if signed is not None:
                say_beside(whose, _head_words(signed), width=LABEL)
    if not evidence:
        note("Nothing speaks against the relay.")


def log_lines(kept: KeepLog | None, *, now_ms: int) -> list[tuple[str, str]]:
    """Write what is known of the log."""
    if kept is None:
        return [("log", "none yet: this relay has not given a proof to this device")]
    head = read_head(kept.head)
    read = "its lines are not read yet" if kept.read_size < 0 else f"lines read up to entry {kept.read_size}"
    return [
        ("log", f"{head.log.hex()[:NAME_DIGITS]}…"),
        ("head", f"{head.size} entries, root {head.root.hex()[:NAME_DIGITS]}…; {read}"),
        ("age", f"signed {span(max(0, now_ms - head.made_ms) / 1000)} ago, by the relay's clock"),
        ("epoch", f"{head.epoch}: how often it had to say that it forgot entries"),
    ]


def _head_words(signed: Signed) -> str:
    head = read_head(signed)
    return f"log {head.log.hex()[:8]}…, epoch {head.epoch}, {head.size} entries, root {head.root.hex()[:NAME_DIGITS]}…"


def _log_told(kept: KeepLog | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    head = read_head(kept.head)
    return {
        "log": head.log.hex(),
        "epoch": head.epoch,
        "size": head.size,
        "root": head.root.hex(),
        "made_ms": head.made_ms,
        "read_size": kept.read_size,
        "head": _signed_told(kept.head),
    }


def _evidence_told(evidence: KeepEvidence) -> dict[str, Any]:
    return {
        "cause": evidence.cause.value,
        "account": evidence.account.hex() if evidence.account is not None else None,
        "ours": _signed_told(evidence.ours),
        "theirs": _signed_told(evidence.theirs),
        "wall_ms": evidence.wall_ms,
    }


def _signed_told(signed: Signed | None) -> dict[str, str] | None:
    if signed is None:
        return None
    return {
        "body": base64.b64encode(signed.body).decode(),
        "signature": base64.b64encode(signed.signature).decode(),
    }
