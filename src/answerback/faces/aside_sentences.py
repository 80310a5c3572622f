"""Keeps every sentence about what goes by a carrier: what is agreed to, how far it is, why it does not go."""

from answerback.faces.times import span
from answerback.model.fallback import WORDING, AsideStage, Choice, Obstacle, Trigger

CONSENT_WORDS: dict[int, str] = {
    1: (
        "Such a text leaves the end-to-end encryption. {carrier} and every network on its way can read it, keep it and "
        "change it. {price} It goes to {to}, with six characters at its end by which their Answerback knows the "
        "message again. Messages that are private never go, and files never do. You can take this back at any time."
    ),
}
"""By version. A text that was once shown is never changed: what people agreed to must stay known."""
PRICE_KNOWN = "One part, up to 160 characters, costs {price}; a longer text has several."
PRICE_UNKNOWN = "What it costs nobody has told this program."

ASIDE_STAGES: dict[AsideStage, str] = {
    AsideStage.OFFERED: "waits for your answer",
    AsideStage.DECLINED: "you said no",
    AsideStage.LAPSED: "no longer needed",
    AsideStage.ORDERED: "to be sent as SMS",
    AsideStage.HANDED: "with the carrier's queue",
    AsideStage.SENT: "sent as SMS",
    AsideStage.DELIVERED: "SMS delivered",
    AsideStage.IN_DOUBT: "perhaps sent as SMS",
    AsideStage.FAILED: "not sent as SMS",
}
HANDED_OVER = "handed over, not confirmed"
"""What a carrier says that never learns what becomes of a text."""
TRIGGERS: dict[Trigger, str] = {
    Trigger.RELAY: "This device has not reached its relay for as long as you chose.",
    Trigger.AWAY: "No device of theirs has answered for as long as you chose.",
    Trigger.PERSON: "You asked for it.",
}
OBSTACLES: dict[Obstacle, str] = {
    Obstacle.NEVER: "Nothing goes to this contact by SMS: `answerback fallback CONTACT ask` lets you be asked.",
    Obstacle.PRIVATE: "It is marked private: it never leaves the encryption.",
    Obstacle.BACKGROUND: "It was sent as a background message: those can wait.",
    Obstacle.GROUP: "It goes to several people, or to your own devices only: a text goes to one other person.",
    Obstacle.FILE: "It has a file. Files never go by SMS; with --note-files a text says that one waits.",
    Obstacle.EMPTY: "There is nothing in it that a text could say.",
    Obstacle.TOO_LONG: "It is too long: a text has at most four parts, about 600 characters.",
    Obstacle.NO_CARRIER: "The carrier chosen for this contact is not set up on this device.",
    Obstacle.NUMBER_GONE: "The number chosen for this contact is not known to be theirs any more.",
    Obstacle.ANSWERED: "A device of theirs has it already.",
    Obstacle.ENDED: "It is not tried any more, or was not sent from this device.",
    Obstacle.THERE: "It was given to the carrier already, and is not sent twice.",
    Obstacle.DECLINED: "You said no.",
}
CHOICES: dict[Choice, str] = {
    Choice.NEVER: "never: messages wait until they get through",
    Choice.ASK: "ask: you are asked before each SMS",
    Choice.AFTER: "after {after}, without asking again",
}


def stage_words(stage: AsideStage, *, confirms: bool) -> str:
    """Say how far a text is; of a carrier that confirms nothing, no more than that it took it."""
    return HANDED_OVER if stage is AsideStage.SENT and not confirms else ASIDE_STAGES[stage]


def consent_words(*, carrier: str, price: str, to: str, wording: int = WORDING) -> str:
    """Write what there is to agree to."""
    told = PRICE_KNOWN.format(price=price) if price else PRICE_UNKNOWN
    return CONSENT_WORDS[wording].format(carrier=carrier, price=told, to=to)


def offer_words(*, carrier: str, parts: int, cost: str) -> str:
    """Ask the question."""
    many = f"{parts} part" if parts == 1 else f"{parts} parts"
    return f"Send as SMS? ({many}, {cost + ' ' if cost else ''}by {carrier})"


def choice_words(choice: Choice, after_s: float | None) -> str:
    """Say what was chosen."""
    return CHOICES[choice].format(after=span(after_s or 0.0))
