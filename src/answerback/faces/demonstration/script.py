"""What two people say to each other in a demonstration, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from random import Random

from answerback.model.message import Urgency

URGENT_EVERY = 20
"""One line in so many cannot wait: often enough to be seen overtaking, seldom enough to stay special."""


@unique
class Person(Enum):
    """Who speaks."""

    ADA = "Ada"
    BEA = "Bea"

    @property
    def other(self) -> "Person":
        """Who listens."""
        return Person.BEA if self is Person.ADA else Person.ADA


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the conversation."""

    number: int
    at_s: float
    """When it is written, counted from the first; an answer waits, besides, for what it answers."""
    by: Person
    text: str
    urgency: Urgency
    answers: int | None
    """The line this one answers: written only once that one is read."""


def write_script(*, messages: int, spacing_s: float, seed: int) -> tuple[Line, ...]:
    """Write a conversation of so many numbered lines; one seed writes one conversation."""
    random = Random(f"script:{seed}")  # noqa: S311 - a story, not a secret
    said = _talk(random)
    lines: list[Line] = []
    digits = len(str(messages))
    for number in range(1, messages + 1):
        by, words = next(said)
        urgency = Urgency.NORMAL
        if number % URGENT_EVERY == URGENT_EVERY // 2:
            by, words, urgency = Person.ADA, random.choice(URGENT_LINES), Urgency.URGENT
        answers = _latest_of(lines, by.other) if by is Person.BEA else None
        lines.append(Line(number, (number - 1) * spacing_s, by, f"{number:0{digits}} {words}", urgency, answers))
    return tuple(lines)


def number_of(text: str) -> int:
    """Read the number a line begins with; 0 where there is none."""
    first, _, _ = text.partition(" ")
    return int(first) if first.isdecimal() else 0


def _latest_of(lines: list[Line], by: Person) -> int | None:
    return next((line.number for line in reversed(lines) if line.by is by), None)


def _talk(random: Random) -> Iterator[tuple[Person, str]]:
    """Give exchange after exchange, each told once before any comes again."""
    speakers = {">": Person.ADA, "<": Person.BEA}
    while True:
        for exchange in random.sample(EXCHANGES, len(EXCHANGES)):
            for line in exchange:
                yield speakers[line[0]], line[2:]


# > Ada, on her way with her phone · < Bea, at home with a phone and a tablet
EXCHANGES: tuple[tuple[str, ...], ...] = (
    ("> On board! Seat 61, facing backwards.", "> The good window though.", "< Window is what counts."),
    ("> Have you fed the cat?", "< Twice. She told me you never do.", "> She lies beautifully."),
    ("> We just passed the mill with the blue door.", "> So an hour and a bit, if nothing stops us."),
    ("> Did the plumber come?", "< Came, looked, sighed, left.", "> That's three sighs this year."),
    ("> I think I left the oven on.", "< You left the oven off. I left it on. Pizza.", "> Save me a slice!"),
    ("> Somebody here is playing the harmonica.", "> Well, actually.", "> He takes requests. What do you want?"),
    ("< How far are you?", "> Somewhere between two tunnels.", "> It is all tunnels, to be honest."),
    ("> Reading the contract now.", "> Page 4 is odd, look at the second date.", "< You're right, that's last year's."),
    ("> The conductor asked for my ticket and then for my crossword.", "> Seven letters, 'keeps its word'."),
    ("> Can you bring the grey jacket?", "< The warm one or the good one?", "> The warm one. Vanity can wait."),
    ("> Lunch was 14,80 for a sandwich 🥪", "> It had a name. The sandwich, I mean."),
    ("> Snow on the hills already ❄️", "> Little stripes of it, like chalk.", "< Here it's only grey. Send some over."),
    ("> I'll walk from the station.", "< In those shoes?", "> In these shoes."),
    ("> Tell mum I'll ring on Sunday.", "< Told her. She says: which Sunday?"),
    ("> Reception comes and goes here.", "> I'm just going to keep writing.", "> It'll sort itself out."),
    ("> The child opposite has drawn me.", "> Three eyes, but kind ones.", "< A good likeness then."),
    ("> Key is under the green pot.", "> Not the cracked green pot, the other green pot."),
    ("> Trying the café car again.", "> They know me now.", "> I have a usual."),
    ("> Zug hält, keiner weiß warum.", "> Jetzt fährt er wieder.", "< Klingt nach einem ganz normalen Dienstag."),
    (
        "> What was the name of that book?",
        "< The one with the lighthouse?",
        "> The one with the two sisters and a dog.",
    ),
    ("> Meeting moved to Thursday.", "> Same room, same biscuits.", "< Then I'll come."),
    ("> The sea! For about four seconds.", "> There it is again.", "> Gone."),
    ("< Shall I cook?", "> Please. Anything hot.", "> Soup would make me cry with joy."),
    ("> Battery at 31 %, so I'll be brief.", "> Anyway, about that dream I had."),
    ("> I've counted nine herons.", "> Ten.", "< You are making up herons.", "> Eleven."),
    ("> The address is Lindenallee 8, third floor.", "> The bell says Kowalczyk.", "< Noted. Kowalczyk, third."),
    ("> Our carriage smells of oranges now.", "> Everybody got one. Long story."),
    ("> Could you check whether the last bus still runs?", "< 23:40, runs all week.", "> Perfect, thank you."),
    ("> Two minutes in the dark just now.", "> You don't notice until you see your own face in the window."),
    ("> Say hello to the cat from me.", "< She is asleep on your letters.", "> As she should be."),
)
URGENT_LINES: tuple[str, ...] = (
    "Wrong platform on the board: it's 7, not 4!",
    "We arrive at 18:12, please don't leave before.",
    "Call the bank now, my card is gone.",
    "Please don't sign yet. I'll explain.",
    "The doctor can see you at five. Say yes?",
)
