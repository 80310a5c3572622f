"""Whatever a device says of its pace, whenever it comes and goes, its mail comes whole, and in order."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerback.model.message import Lane
from answerback.wire.frames import Deliver, Pace, Ping, Submit, Taken, Took
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope

_PACES = st.builds(Pace, st.integers(0, 3), st.sampled_from([-1, 0, 1, 700, 3_000, 100_000]))
BURST = 3
_STEPS = st.one_of(
    st.tuples(st.just("mail"), st.sampled_from(list(Lane)), st.sampled_from([10, 900, 20_000])),
    st.tuples(st.just("burst"), st.sampled_from([Lane.NORMAL, Lane.BULK]), st.just(900)),
    st.tuples(st.just("pace"), _PACES, st.just(0)),
    st.tuples(st.just("lose"), st.just(None), st.just(0)),
    st.tuples(st.sampled_from(["take", "ping", "lose", "full", "room"]), st.just(None), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 12.0, 61.0, 601.0]), st.just(0)),
)


class Story:
    """A sender who stays, and a device that comes and goes and says odd things of its pace."""

    def __init__(self, folder: Path, people: list[Resident]) -> None:
        self.drive = Drive(folder, people)
        self.ann, self.bea = self.drive.enter(people[0]), people[1]
        self.number = self.drive.enter(self.bea)
        self.sent: list[tuple[Lane, bytes]] = []
        self.taken: dict[Lane, int] = {}
        self.had: set[bytes] = set()
        self.seen = 0

    def mail(self, lane: Lane, size_bytes: int) -> None:
        """Something is sent."""
        letter = envelope(self.bea, f"{len(self.sent)}", lane=lane, size_bytes=size_bytes)
        self.sent.append((lane, letter.sealed))
        self.drive.say(self.ann, Submit([letter]))
        self.drive.settle()

    def take(self) -> bool:
        """The device takes what has come since; false if nothing has."""
        frames = self.drive.heard(self.number, Deliver)[self.seen :]
        self.seen += len(frames)
        for frame in frames:
            for entry in frame.entries:
                assert entry.position > self.taken.get(entry.lane, 0), "in order within a lane, and once"
                self.taken[entry.lane] = entry.position
                self.had.add(entry.sealed)
        if frames:
            self.drive.say(self.number, Took([Taken(lane, position) for lane, position in self.taken.items()]))
            self.drive.settle()
        return bool(frames)

    def come_back(self) -> None:
        """It lost its connection, and connects with what it has taken."""
        self.drive.lose(self.number)
        self.drive.settle()
        self.number = self.drive.enter(self.bea, *(Taken(lane, at) for lane, at in self.taken.items()))
        self.seen = 0

    def end(self) -> None:
        """At last it is live, and takes all there is."""
        if self.number in self.drive.closed:
            self.come_back()
        self.drive.carry_out(self.drive.exchange.writable(self.number, on=True, moment=self.drive.moment))
        self.drive.say(self.number, Pace(0))
        self.drive.settle()
        while self.take():
            pass
        assert self.had == {sealed for _, sealed in self.sent}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_STEPS, min_size=4, max_size=40))
def test_mail_comes_whole_and_in_order_at_any_pace(
    people: list[Resident], steps: list[tuple[str, Lane | Pace | float | None, int]]
) -> None:
    with TemporaryDirectory() as folder:
        story = Story(Path(folder), people)
        drive = story.drive
        for what, with_what, size_bytes in steps:
            if story.number in drive.closed:
                story.come_back()
            if isinstance(with_what, Lane):
                for _ in range(BURST if what == "burst" else 1):
                    story.mail(with_what, size_bytes)
            elif isinstance(with_what, Pace):
                drive.say(story.number, with_what)
            elif isinstance(with_what, float):
                drive.pass_time(with_what)
            elif what == "take":
                story.take()
            elif what == "ping":
                drive.say(story.number, Ping(1))
            elif what == "lose":
                story.come_back()
            else:
                drive.carry_out(drive.exchange.writable(story.number, on=what == "room", moment=drive.moment))
            drive.settle()
        story.end()
