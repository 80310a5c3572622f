"""Says what is wrong with a relay's log, or with an account's lists in it, for the catalogue of causes.

What is so, what we do, what a person can do.
"""

from typing import Final

from answerback.model.causes import Cause

LOG_CAUSES: Final[dict[Cause, tuple[str, str, str]]] = {
    Cause.ACCOUNT_DEVICE_ADDED: (
        "A device was added to your account, signed with its key.",
        "What is written to you from now on is sealed for it too.",
        "Was it you? Then nothing is needed. If not: `answerback devices` shows it, and `devices revoke` removes it.",
    ),
    Cause.TRUST_LOG_SPLIT: (
        "This relay has signed two logs that contradict each other: it shows different people different things.",
        "We kept both signed heads as evidence, and use nothing that the relay cannot prove.",
        "See `answerback log`. Compare safety numbers before you trust new devices, and ask who runs this relay.",
    ),
    Cause.TRUST_LOG_ROLLED_BACK: (
        "This relay has forgotten entries of its log that it had signed: perhaps it was restored from a backup.",
        "We gave it our own device lists again, and kept what it had signed.",
        "Ask who runs it whether that was so. If not, somebody may be hiding devices: see `answerback log`.",
    ),
    Cause.TRUST_LOG_BROKEN: (
        "What this relay shows of its log does not lead to what it has signed.",
        "We read it again, and believe nothing of it meanwhile.",
        "If it stays so, ask who runs this relay: see `answerback log`.",
    ),
    Cause.TRUST_LIST_NOT_LOGGED: (
        "The relay showed a list of devices that is not in its log, where everybody would see it.",
        "We did not use it: nothing is encrypted for these devices.",
        "Ask the other person, not by this way, which devices they have; ask who runs this relay why.",
    ),
    Cause.TRUST_LIST_WITHHELD: (
        "There is a newer list of devices than the one the relay shows: it forgot it, or keeps it back.",
        "We ask again; until then we use the list we know.",
        "If it stays so, ask the other person which of their devices are still theirs.",
    ),
    Cause.TRUST_LIST_FORKED: (
        "There are two different lists of devices of one version: somebody else may hold that account's key.",
        "We keep to the one that came first.",
        "If the account is yours, revoke what you do not know. If not, ask its owner, not by this way.",
    ),
    Cause.TRUST_HANDLE_NOT_LOGGED: (
        "The relay said whose this number or address is, and its log does not say so.",
        "We did not use it: nothing was sent to that account.",
        "Try again later. If it stays so, ask who runs this relay.",
    ),
    Cause.TRUST_HANDLE_MOVED: (
        "A number or address now stands for another account than before.",
        "What you write to it from now on goes to the new account, whose safety number is another.",
        "If it is yours, claim it again at once. If not, ask the person by another way before you go on.",
    ),
}
