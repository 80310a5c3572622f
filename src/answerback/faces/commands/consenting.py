"""Asks people what may go by SMS, and takes their yes or no: for a contact, and for one message."""

import getpass

import click
import msgspec

from answerback.faces.access import agent_at, device_folder, reading
from answerback.faces.aside_sentences import choice_words, offer_words
from answerback.faces.output import Exit, is_person, note, plain_line, say, say_beside, tell_json, wall_ms
from answerback.faces.remote import Remote
from answerback.faces.times import clock
from answerback.faces.told import AsideTold, ConsentAsked, FallbackAsked, FallbackTold, TimelineTold
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import Choice

LABEL = 12
MINUTE_S = 60.0
CHOICES = tuple(choice.value for choice in Choice)


@click.command(epilog="Exit codes: 0 it is so, 5 you said no, or a person must say yes first.")
@click.argument("contact")
@click.argument("choice", required=False, type=click.Choice(CHOICES))
@click.argument("minutes", required=False, type=click.FloatRange(1, 7 * 24 * 60))
@click.option("--carrier", metavar="NAME", help="Which carrier, if several are set up.")
@click.option("--number", metavar="HANDLE", help="Which number of theirs, if several are known.")
@click.option("--note-files", is_flag=True, help="Let a text say that a file waits; files themselves never go.")
@click.option("--consent", is_flag=True, help="Agree to what is shown, without being asked.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def fallback(
    ctx: click.Context,
    *,
    contact: str,
    choice: str | None,
    minutes: float | None,
    carrier: str | None,
    number: str | None,
    note_files: bool,
    consent: bool,
    as_json: bool,
) -> None:
    """Say what becomes of messages that do not get through, or choose it.

    With `never`, which is so until you choose otherwise, they wait. With `ask` you are asked whether one may go as an
    SMS. With `after MINUTES` it goes by itself once it has waited so long; you agree to that now. What goes so is not
    encrypted.
    """
    folder = device_folder(ctx.obj)
    if choice is None:
        with reading(folder) as asked:
            told = asked.fallback(contact)
    else:
        if (choice == Choice.AFTER.value) != (minutes is not None):
            raise UsageError("how many minutes? `after 10` waits for ten; `never` and `ask` take none")
        with agent_at(folder) as remote:
            request = FallbackAsked(
                contact=contact,
                choice=choice,
                after_s=(minutes or 0.0) * MINUTE_S,
                carrier=carrier,
                number=number,
                file_noted=note_files,
            )
            told = _chosen(remote, request, agrees=consent)
    if as_json:
        tell_json(told)
        return
    for label, value in _lines(told):
        say_beside(label, value, width=LABEL)


@click.command(epilog="Exit codes: 0 done, 4 it cannot go by SMS, 5 you said no, or must agree first.")
@click.argument("message")
@click.argument("answer", required=False, type=click.Choice(("yes", "no")))
@click.option("--consent", "agrees", is_flag=True, help="Agree to what an SMS means, without being asked.")
@click.option("--json", "as_json", is_flag=True, help="Print the message's timeline as one line of JSON.")
@click.pass_context
def consent(ctx: click.Context, *, message: str, answer: str | None, agrees: bool, as_json: bool) -> None:
    """Say whether a message may go as an SMS.

    MESSAGE is the beginning or the end of its id. Without an answer you are asked. The first time for a contact you are
    shown what it means. The encrypted message is still tried.
    """
    with agent_at(device_folder(ctx.obj)) as remote:
        told = remote.why(message)
        offer = next((aside for aside in reversed(told.asides) if aside.stage == "offered"), None)
        yes = _answered(offer) if answer is None else answer == "yes"
        asked = ConsentAsked(message=told.id, yes=yes, by=_who())
        try:
            told = remote.answer(asked)
        except RefusedError as error:
            if error.cause is not Cause.FALLBACK_CONSENT_NEEDED:
                raise
            words = _agreed(remote.fallback(_contact(told)), agrees=agrees)
            told = remote.answer(msgspec.structs.replace(asked, consent=_who(), wording=words.wording))
    if as_json:
        tell_json(told)
    elif yes:
        sentence = plain_line(told.asides[-1].sentence).capitalize()
        say(f"{sentence}. `answerback why {told.id[-8:]}` says what becomes of it.")
    else:
        note("It does not go as an SMS; the encrypted message is still tried.")
        ctx.exit(int(Exit.CONSENT))


def _chosen(remote: Remote, asked: FallbackAsked, *, agrees: bool) -> FallbackTold:
    """Choose; what sends without asking again needs a yes to what it means, now."""
    if asked.choice != Choice.AFTER.value and not (agrees and asked.choice == Choice.ASK.value):
        return remote.choose_fallback(asked)
    before = remote.fallback(asked.contact)
    first = remote.choose_fallback(msgspec.structs.replace(asked, choice=Choice.ASK.value, after_s=0.0))
    if first.agreed_by is None:
        try:
            first = _agreed(first, agrees=agrees)
        except click.exceptions.Exit:
            remote.choose_fallback(FallbackAsked(contact=asked.contact, choice=before.choice, carrier=before.carrier))
            raise
    return remote.choose_fallback(msgspec.structs.replace(asked, consent=_who(), wording=first.wording))


def _agreed(told: FallbackTold, *, agrees: bool) -> FallbackTold:
    """Show what there is to agree to, and ask; without a person and without --consent nobody agrees."""
    note(told.words)
    if agrees:
        return told
    if not is_person():
        note("Nothing was agreed to: say --consent, or answer at a terminal.")
        raise click.exceptions.Exit(int(Exit.CONSENT))
    if not click.confirm("Do you agree?", default=False, err=True):
        note("Nothing goes by SMS.")
        raise click.exceptions.Exit(int(Exit.CONSENT))
    return told


def _answered(offer: AsideTold | None) -> bool:
    if not is_person():
        raise UsageError("yes or no?")
    question = offer_words(carrier=offer.carrier, parts=offer.parts, cost=offer.cost) if offer else "Send as SMS?"
    return click.confirm(question, default=False, err=True)


def _contact(told: TimelineTold) -> str:
    if len(told.to) != 1:
        raise UsageError("a text goes to one person; this message goes to several")
    return told.to[0]


def _who() -> str:
    """Who sits here, as the system knows them."""
    try:
        return f"{getpass.getuser()}, at the command line"
    except (KeyError, OSError):  # a system without a name for them
        return "somebody at the command line"


def _lines(told: FallbackTold) -> list[tuple[str, str]]:
    lines = [("contact", plain_line(told.contact)), ("by SMS", choice_words(Choice(told.choice), told.after_s))]
    if told.choice != Choice.NEVER.value:
        price = f", {plain_line(told.price)} a part" if told.price else ""
        lines += [("to", plain_line(told.to or "")), ("carrier", f"{plain_line(told.carrier or 'none')}{price}")]
        lines.append(("files", "a text says that one waits" if told.file_noted else "messages with files never go"))
        if told.agreed_by is not None and told.agreed_ms is not None:
            lines.append(("agreed", f"{plain_line(told.agreed_by)}, {clock(told.agreed_ms, now_ms=wall_ms())}"))
        else:
            lines.append(("agreed", "nobody has agreed yet: you are asked before the first SMS"))
    return lines
