"""Says in the end what was promised and not kept: every message, every device, every order, every silence."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from answerback.core.outbox import Copy, Promise
from answerback.crypto.prekeys import check_seal_key
from answerback.lab.simulation.forger import FORGED
from answerback.lab.simulation.town import CANARY, Town
from answerback.lab.simulation.truth import Sent
from answerback.lab.simulation.villager import Villager
from answerback.lab.simulation.witness import EARLY_MS, has_file, has_message
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.errors import StorageError, TrustError
from answerback.model.ids import DeviceId, MessageId
from answerback.model.message import Message
from answerback.model.stamp import in_order
from answerback.model.timeline import Stage
from answerback.storage.messages import MESSAGES, kept_message
from answerback.wire.codec import decode_letter
from answerback.wire.letters import Post

MOVES_MAX = 2
"""To the path that was better all the time, once that is certain, and perhaps by way of a third."""
ACCUSATIONS = frozenset(
    {
        Cause.TRUST_LOG_SPLIT,
        Cause.TRUST_LOG_BROKEN,
        Cause.TRUST_LIST_NOT_LOGGED,
        Cause.TRUST_LIST_FORKED,
        Cause.TRUST_HANDLE_NOT_LOGGED,
        Cause.TRUST_HANDLE_MOVED,
        Cause.TRUST_SIGNATURE_WRONG,
    }
)
"""What no relay does that means no harm."""
OF_FORGETTING = frozenset({Cause.TRUST_LOG_ROLLED_BACK, Cause.TRUST_LIST_WITHHELD})
WAIT_S_MAX = 7 * 3600.0
"""No attempt is planned further ahead than the longest pause of the timetable, and some."""


def judge(town: Town, *, log: str) -> None:
    """Object to everything that is not as it was promised, after the world was healed and has settled."""
    for villager in town.villagers:
        if villager.counts:
            _finishes(town, villager)
            _ordered(town, villager)
    for sent in town.truth.sent.values():
        _kept(town, sent)
    if town.truth.relay_lied or town.truth.somebody_lied:
        _unforged(town)
    _fair(town)
    _once(town)
    _bounded(town)
    _private(town, log)


def unsettled(town: Town) -> Iterator[tuple[str, str]]:
    """Name everything somebody still owes somebody."""
    forgotten = _forgotten(town)
    for villager in town.villagers:
        if not villager.counts:
            continue
        if villager.agent is None:
            yield villager.name, "does not run"
            continue
        machines = villager.agent.engine.machines
        letters = [promise for promise in machines.outbox if not _outlives(promise)]
        if letters:
            yield villager.name, f"{len(letters)} letters are not settled"
        awaited = [message for message in machines.transfers.messages if message not in forgotten]
        if awaited:
            yield villager.name, f"{len(awaited)} files are on their way"
        if villager.disk.has("SELECT 1 FROM drafts"):
            yield villager.name, "a message has not found its recipients"
        if machines.inbox.ask_at_s is not None:
            yield villager.name, "a number never came"


def _outlives(promise: Promise) -> bool:
    """Whether nobody has it coming, and it was given a later end than its author's.

    A clock that was set while its device was off shows no end that was guessed from one that was known: the letter
    rather lives too long (`Outbox.retime`), and one to an account that does not exist has no other end.
    """
    letter = decode_letter(promise.letter.letter)
    return isinstance(letter, Post) and not promise.copies and letter.expires_ms < promise.letter.expires_ms


def _forgotten(town: Town) -> set[MessageId]:
    """Messages that their authors' own journals no longer know: nobody can bring their files again before they end."""
    return {sent.id for sent in town.truth.sent.values() if (sent.author, sent.id) in town.truth.gone}


def reasons(town: Town) -> None:
    """Object to copies that wait without a reason, or for a time nobody would wait for."""
    for villager in town.awake:
        agent = villager.agent
        assert agent is not None
        if agent.ahead_of_disk:
            continue  # its disk refuses: what it says then is looked at in tests/device
        now = agent.now
        _whole(town, villager)
        for promise in agent.engine.machines.outbox:
            for copy in promise.copies.values():
                wait = agent.engine.wait_of(promise.id, copy.device, now=now)
                if copy.open and promise.letter.answered and wait is None:
                    town.chronicle.object("finishes", villager.name, f"{town.name(promise.id)} waits for no reason")
                if wait is not None and (why := _contradicted(town, villager, copy, wait.cause)):
                    told = f"{town.name(promise.id)} is said to wait because of {wait.cause.value}; {why}"
                    town.chronicle.object("honest", villager.name, told)
                next_ms = wait.next_attempt_ms if wait else None
                if next_ms is not None and next_ms - now.wall_ms > WAIT_S_MAX * 1000:
                    late_s = (next_ms - now.wall_ms) // 1000
                    town.chronicle.object("finishes", villager.name, f"the next attempt is {late_s} s away")


def _whole(town: Town, villager: Villager) -> None:
    """Ask why of messages as wholes: those that wait for their recipients, those without a copy, those that ended."""
    assert villager.agent is not None
    engine, now = villager.agent.engine, villager.agent.now
    is_up, drafts = _is_up(villager), set()
    with suppress(StorageError):
        drafts = {row[0] for row in villager.disk.rows("SELECT id FROM drafts")}
    for sent in town.truth.sent.values():
        if sent.author != villager.device:
            continue
        wait, promise = engine.wait_of(sent.id, None, now=now), engine.machines.outbox.promise(sent.id)
        if wait is None and (sent.id in drafts or (promise is not None and not promise.copies)):
            town.chronicle.object("finishes", villager.name, f"{town.name(sent.id)} waits as a whole for no reason")
        if wait is not None and promise is None and sent.id not in drafts:
            town.chronicle.object("honest", villager.name, f"{town.name(sent.id)} has ended, and is said to wait")
        if wait is not None and wait.cause.layer == "network" and is_up:
            town.chronicle.object("honest", villager.name, f"{town.name(sent.id)} waits for a connection that stands")
        for copy in promise.copies.values() if promise is not None else ():
            if not copy.open and engine.wait_of(sent.id, copy.device, now=now) is not None:
                town.chronicle.object("honest", villager.name, f"{town.name(sent.id)} has ended there, and waits")


def _is_up(villager: Villager) -> bool:
    assert villager.agent is not None
    path = villager.agent.engine.machines.path
    if not path.up or path.is_doubted:
        return False
    return any(wire.device == villager.name and not wire.is_given_up for wire in villager.wires())


def _contradicted(town: Town, villager: Villager, copy: Copy, cause: Cause) -> str:
    """What in the world says that a copy does not wait for this cause; nothing if it may."""
    assert villager.agent is not None
    machines, truth = villager.agent.engine.machines, town.truth
    is_up = _is_up(villager)
    is_waiting_here = copy.stage is not Stage.ACCEPTED
    if cause.layer == "network" and is_up:
        return "its connection stands"
    if is_waiting_here and cause.layer == "queue" and not machines.path.up:
        return "there is no connection"
    if cause is Cause.RECIPIENT_DEVICE_GONE and copy.device not in truth.revoked and not truth.relay_forgot:
        return "that device is on its list"
    if cause is Cause.RELAY_STORE_FULL and not truth.relay_was_full:
        return "it never was full"
    sent = truth.sent.get(copy.message)
    if cause is Cause.QUEUE_UPLOADING and sent is not None and sent.file is None:
        return "it has no file"
    return ""


def _finishes(town: Town, villager: Villager) -> None:
    for who, what in unsettled(town):
        if who == villager.name:
            town.chronicle.object("finishes", who, what)


def _kept(town: Town, sent: Sent) -> None:
    author = town.villager(sent.author)
    assert author is not None
    if not author.counts:
        return  # nobody can hold a device to its word that may not speak any more
    if (author.device, sent.id) in town.truth.gone:
        return  # an older copy of its author's journal knows nothing of it, as backups go
    if sent.is_for_nobody:
        failed = "SELECT 1 FROM steps WHERE message = ? AND device IS NULL AND stage = ?"
        if not author.disk.has(failed, (sent.id, int(Stage.FAILED))):
            town.chronicle.object("kept", author.name, f"#{sent.number} is for nobody, and that was never said")
        return
    for villager in town.villagers:
        if villager is author or not villager.counts or villager.account not in {*sent.recipients, author.account}:
            continue
        _copy_kept(town, sent, author, villager)


def _copy_kept(town: Town, sent: Sent, author: Villager, there: Villager) -> None:
    rows = author.disk.rows("SELECT stage FROM copies WHERE message = ? AND device = ?", (sent.id, there.device))
    stage = Stage(int(str(rows[0][0]))) if rows else None
    if (there.device, sent.id) in town.truth.gone:
        return  # it was there
    is_here = has_message(there, author.account, sent.id)
    is_over = town.latest_ms >= sent.ends_ms - EARLY_MS
    what = f"#{sent.number} for {there.name}"
    if stage in (Stage.DELIVERED, Stage.READ):
        if not is_here or not has_file(there, sent):
            town.chronicle.object("honest", author.name, f"{what} is said to be there; it is not, or not its file")
    elif (stage is Stage.EXPIRED and is_over) or (
        stage is Stage.FAILED and (sent.id, there.device) in town.truth.refused_for_good
    ):
        pass
    elif stage is None and (is_over or there.listed_ms >= sent.at_ms or _is_hidden(town, there)):
        pass  # a device that came later, or a message whose time was over before it was addressed
    elif stage is None and sent.file is not None and author.device in town.truth.lost_files:
        pass  # it ended, and that was said, when its file was gone: before that device was known
    else:
        told = "has no copy" if stage is None else f"ended as {stage.name}"
        town.chronicle.object("kept", author.name, f"{what} {told}, and {'is' if is_here else 'is not'} there")


def _is_hidden(town: Town, there: Villager) -> bool:
    """Whether the relay has kept the list that names a device from others, by forgetting it or by a forged one."""
    return town.truth.relay_forgot or there.account in town.truth.lied_about


def _unforged(town: Town) -> None:
    """Object to whatever was believed that nobody wrote or signed."""
    signed = {(account, one.body, one.signature) for account, lists in town.lists.items() for one in lists}
    keys = {villager.device: villager for villager in town.villagers}
    for villager in town.villagers:
        disk = villager.disk
        if disk.has("SELECT 1 FROM messages WHERE instr(text, ?)", (FORGED,)):
            town.chronicle.object("honest", villager.name, "shows what nobody may have written")
        if set(disk.rows("SELECT account, body, signature FROM device_lists")) - signed:
            town.chronicle.object("honest", villager.name, "believes a list that nobody signed")
        for device, body, signature in disk.rows("SELECT device, body, signature FROM seal_keys"):
            if (there := keys.get(device)) is None or not _is_its_key(there, Signed(body, signature)):  # type: ignore[call-overload, arg-type]
                town.chronicle.object("honest", villager.name, "believes a seal key that its device did not sign")


def _is_its_key(there: Villager, signed: Signed) -> bool:
    try:
        check_seal_key(signed, there.keys.device(0))
    except TrustError:
        return False
    return True


def _fair(town: Town) -> None:
    """Object to whatever an honest relay was accused of; one that forgot may be asked what became of it."""
    truth = town.truth
    if truth.directory_lied or truth.relay_lied or truth.somebody_lied:
        return
    for villager in town.villagers:
        for told in truth.warned[villager.device]:
            if told.cause in ACCUSATIONS or (told.cause in OF_FORGETTING and not truth.relay_forgot):
                whose = town.name(told.account) if told.account else "the relay"
                town.chronicle.object("honest", villager.name, f"accused {whose}: {told.cause.value}; all were honest")


def _once(town: Town) -> None:
    for (device, _, message), count in town.truth.shown.items():
        if count > 1 + town.truth.restored[device]:  # a backup may have forgotten it
            town.chronicle.object("once", town.name(device), f"told {count} times of {town.name(message)}")


def _ordered(town: Town, villager: Villager) -> None:
    # The SQL has no end: these worlds are small.
    kept = [kept_message(row).message for row in villager.disk.rows(f"{MESSAGES} ORDER BY arrival")]
    ours = [message for message in kept if message.id in town.truth.sent]
    place = {message.id: number for number, message in enumerate(in_order(ours))}
    for message in ours:
        if any(place[before] > place[message.id] for before in message.written_after if before in place):
            town.chronicle.object("ordered", villager.name, f"shows {town.name(message.id)} before what it answers")
    if town.truth.relay_forgot or town.truth.relay_was_full or town.truth.relay_lied:
        return
    restored = set(town.truth.restored)
    came: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for message in ours:
        sent = town.truth.sent[message.id]
        if message.attachment is not None or sent.is_answer or _was_cut_short(town, sent):
            continue  # the one waits for its file and holds nobody up; the other waits for no look-up
        if message.author_device != villager.device and not {message.author_device, villager.device} & restored:
            came[_lane_of(message)].append(town.truth.sent[message.id].number)
    for numbers in came.values():
        if numbers != sorted(numbers):
            town.chronicle.object("ordered", villager.name, f"one author's messages in one lane came as {numbers}")


def _was_cut_short(town: Town, sent: Sent) -> bool:
    """Whether the relay's clock, when it leapt ahead, may have ended a message on its way: then it was sent again."""
    is_over = town.latest_ms >= sent.ends_ms
    return is_over and town.truth.relay_ahead_ms > EARLY_MS


def _lane_of(message: Message) -> tuple[object, ...]:
    return message.author_device, message.conversation, message.urgency


def _bounded(town: Town) -> None:
    for (device, envelope), count in town.truth.submitted.items():
        allowed = town.truth.connections[device] + town.truth.pushed_back[envelope]
        there = town.villager(device)
        if there is not None and there.ways.are_several:
            allowed += town.truth.connections[device]  # said twice while it stood by, or once more when it took over
        if count > allowed:
            town.chronicle.object("quiet", town.name(device), f"sent one envelope {count} times, {allowed} needed")


def still_talking(
    town: Town, before: dict[str, int], read_before: dict[str, int], moved_before: dict[DeviceId, int]
) -> None:
    """Object to whoever goes on talking, or moving from path to path, though nothing happens any more."""
    for device, moves in town.truth.moves.items():
        moved = moves - moved_before.get(device, 0)
        if moved > MOVES_MAX:
            town.chronicle.object("quiet", town.name(device), f"moved {moved} times though nothing happens")
    forgotten = _forgotten(town)
    agents = [villager.agent for villager in town.awake if villager.agent is not None]
    if any(forgotten.intersection(agent.engine.machines.transfers.messages) for agent in agents):
        return  # asked for, ever less often, until the message ends
    strangers = {villager.name for villager in town.awake if _is_sent_away(villager)}
    for name, count in town.talk.items():
        # One reading of the log is due every six hours, whatever happens.
        sent = count - before.get(name, 0) - min(town.readings[name] - read_before.get(name, 0), 1)
        if sent and name not in strangers:
            town.chronicle.object("quiet", name, f"sent {sent} frames though nothing happens")


def _is_sent_away(villager: Villager) -> bool:
    """Whether the relay does not know this device: it asks, ever less often, whether it is known again."""
    path = villager.agent.engine.machines.path if villager.agent is not None else None
    return path is not None and path.cause is not None and path.cause.layer == "account"


def _private(town: Town, log: str) -> None:
    held = town.office.disk.text() + b"".join(town.office.objects.content.values())
    secrets = [secret for villager in town.villagers for secret in _secrets(villager)]
    if CANARY.encode() in held or any(secret in held for secret in secrets):
        town.chronicle.object("private", "relay", "its disk holds a text or a key")
    if CANARY in log or any(secret.hex() in log for secret in secrets):
        town.chronicle.object("private", "log", "a text or a key was logged")


def _secrets(villager: Villager) -> list[bytes]:
    """Every key of a device that has bytes of its own on its disk."""
    rows = villager.disk.rows("SELECT secret FROM seal_secrets")
    keys = [villager.root.seed, villager.identity.pickle_key, *(bytes(row[0]) for row in rows)]  # type: ignore[call-overload]
    return [*keys, *villager.file_keys]
