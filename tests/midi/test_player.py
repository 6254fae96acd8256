"""The player on a fake clock: on time or not at all, and every note ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.messages import control, note_off, note_on
from jamd.midi.player import SHORTEST_NS, TOLERANCE_NS, Player
from jamd.music.events import Kind, Performed
from jamd.music.messages import Report
from jamd.music.plan import Plan, PlannedNote, PlannedPedal
from jamd.music.timeline import Timeline
from tests.midi.doubles import MS, Ear

TIMES = st.integers(0, 400).map(lambda ms: ms * MS)


@st.composite
def notes(draw: st.DrawFn) -> PlannedNote:
    due = draw(TIMES)
    return PlannedNote(due, due + draw(st.integers(1, 200)) * MS, draw(st.integers(60, 63)), draw(st.integers(1, 127)))


PEDALS = st.builds(PlannedPedal, TIMES, st.booleans())


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    some, pedals = draw(st.lists(notes(), max_size=8)), draw(st.lists(PEDALS, max_size=3))
    return Plan(0, draw(TIMES), tuple(some), tuple(pedals), draw(st.booleans()), cuts=draw(st.booleans()))


@dataclass
class Stage:
    """A player, the synth that hears it, and what it says it played."""

    now: int = 0
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    played: list[tuple[Performed, int]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    ear: Ear = field(default_factory=Ear)

    def __post_init__(self) -> None:
        self.keyboard = Keyboard(self._send, Ledger(bytearray(SIZE)))
        self.player = Player(self.keyboard, lambda event, due: self.played.append((event, due)), channel=3)

    def _send(self, message: bytes) -> None:
        self.ear.hear(message)
        self.sent.append((self.now, message))

    def play(self, now: int) -> None:
        self.now = now
        self.reports += self.player.play(now)

    def play_on_time(self) -> None:
        while (due := self.player.due) is not None:
            self.play(max(due, self.now))

    def stop(self, now: int) -> None:
        self.now = now
        self.reports.append(self.player.stop(now, "test"))

    def struck(self) -> list[tuple[int, int]]:
        """Instant and pitch of each note-on."""
        return [(at, message[1]) for at, message in self.sent if message[0] == 0x93]

    def what(self) -> list[str]:
        return [report.what for report in self.reports]


def note(due_ms: float, off_ms: float, pitch: int = 60, velocity: int = 64) -> PlannedNote:
    return PlannedNote(int(due_ms * MS), int(off_ms * MS), pitch, velocity)


def plan(*some: PlannedNote, from_ms: float = 0, final: bool = False, pedals: tuple[PlannedPedal, ...] = ()) -> Plan:
    return Plan(0, int(from_ms * MS), some, pedals, final)


# ---- laws ------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 60), st.one_of(plans(), st.sampled_from(("play", "play", "stop"))))))
def test_whatever_happens_every_note_ends_and_no_key_sounds_twice(actions: list[tuple[int, Plan | str]]) -> None:
    stage, now = Stage(), 0
    for wait_ms, action in actions:
        now += wait_ms * MS
        if isinstance(action, Plan):
            stage.player.accept(action)
        elif action == "play":
            stage.play(now)  # the Ear refuses a key that is struck while it sounds, or released while it does not
        else:
            stage.stop(now)
            assert stage.ear.silent and not stage.player.busy and stage.player.due is None
    stage.now = now
    stage.play_on_time()
    assert not stage.ear.keys
    stage.stop(stage.now)
    assert stage.ear.silent


@given(st.lists(plans(), max_size=4), st.lists(st.integers(0, 80), min_size=1))
def test_no_note_begins_early_or_later_than_the_tolerance(some: list[Plan], waits_ms: list[int]) -> None:
    stage, now = Stage(), 0
    dues = {(n.due_ns, n.pitch, n.velocity) for p in some for n in p.notes}
    for number, wait_ms in enumerate(waits_ms):
        if number < len(some):
            stage.player.accept(some[number])
        now += wait_ms * MS
        stage.play(now)
    for event, due in stage.played:
        if event.kind is Kind.NOTE_ON:
            assert (due, event.number, event.value) in dues
            assert 0 <= event.time_ns - due <= TOLERANCE_NS
    late = [report for report in stage.reports if report.what == "late"]
    assert all(report.facts["late_ms"] > TOLERANCE_NS / MS for report in late)
    assert stage.player.lateness.skipped == len(late)
    assert stage.player.lateness.played == len(stage.struck())


@given(plans())
def test_on_time_every_note_of_a_plan_is_struck_when_it_is_due(one: Plan) -> None:
    stage = Stage()
    stage.player.accept(one)
    stage.play_on_time()
    assert sorted(stage.struck()) == sorted((n.due_ns, n.pitch) for n in one.notes if n.due_ns >= one.from_ns)


@given(st.lists(notes(), min_size=1, max_size=8))
def test_each_end_ends_its_own_note(some: list[PlannedNote]) -> None:
    stage = Stage()
    stage.player.accept(plan(*some))
    stage.play_on_time()
    for pitch in {n.pitch for n in some}:
        mine = sorted((n for n in some if n.pitch == pitch), key=lambda n: n.due_ns)
        strikes = [at for at, key in stage.struck() if key == pitch]
        ends = [at for at, message in stage.sent if message == note_off(3, pitch)]
        at_one_instant = len({n.due_ns for n in mine}) < len(mine)
        if not at_one_instant:  # each note ends at its off, or when its key is struck again
            expected = [min(n.off_ns, strike) for n, strike in zip(mine, [*strikes[1:], 10**12], strict=True)]
            assert ends == expected


@given(plans(), plans(), TIMES)
def test_a_newer_plan_replaces_what_the_older_has_not_begun_from_its_from_ns_on(
    older: Plan, newer: Plan, at: int
) -> None:
    stage = Stage()
    stage.player.accept(older)
    while (due := stage.player.due) is not None and due <= at:
        stage.play(due)
    stage.now = at
    stage.player.accept(newer)
    stage.play_on_time()
    kept = [n for n in older.notes if n.due_ns >= older.from_ns and (n.due_ns <= at or n.due_ns < newer.from_ns)]
    new = [n for n in newer.notes if n.due_ns >= max(newer.from_ns, at - TOLERANCE_NS)]
    assert sorted(pitch for _, pitch in stage.struck()) == sorted(n.pitch for n in kept + new)
    assert all(event.time_ns == due or event.time_ns == at > due for event, due in stage.played)


@given(plans(), TIMES)
def test_after_a_stop_there_is_nothing(one: Plan, at: int) -> None:
    stage = Stage()
    stage.player.accept(one)
    stage.play(at)
    stage.stop(at)
    before = list(stage.sent)
    stage.play(at + 10**9)
    assert stage.ear.silent and stage.sent == before and stage.player.due is None


@given(plans(), TIMES)
def test_what_it_says_it_played_is_what_it_sent(one: Plan, at: int) -> None:
    stage = Stage()
    stage.player.accept(one)
    stage.play(at)
    stage.stop(at)
    ear = Ear()
    for event, _ in stage.played:
        status = {Kind.NOTE_ON: 0x93, Kind.NOTE_OFF: 0x83, Kind.CONTROL: 0xB3}[event.kind]
        ear.hear(bytes((status, event.number, event.value)))
    assert ear.silent and ear.struck == stage.ear.struck


# ---- cases -----------------------------------------------------------------------------------------------


def test_a_late_note_is_left_out_and_counted_and_the_next_is_on_time() -> None:
    stage = Stage()
    stage.player.accept(plan(note(10, 50, 60), note(45, 90, 62)))
    stage.play(45 * MS)
    assert stage.struck() == [(45 * MS, 62)]
    assert stage.reports == [Report(45 * MS, "late", {"due_ns": 10 * MS, "late_ms": 35.0, "pitch": 60})]


def test_a_note_that_begins_late_keeps_its_end_but_sounds_a_little() -> None:
    stage = Stage()
    stage.player.accept(plan(note(0, 12), note(0, 100, 62)))
    stage.play(20 * MS)
    stage.play_on_time()
    ends = {message[1]: at for at, message in stage.sent if message[0] == 0x83}
    assert ends == {60: 20 * MS + SHORTEST_NS, 62: 100 * MS}


def test_notes_owed_by_an_older_plan_end_when_they_were_to_end() -> None:
    stage = Stage()
    stage.player.accept(plan(note(0, 80, 60), note(40, 90, 62)))
    stage.play(0)
    stage.player.accept(plan(note(50, 70, 64), from_ms=20, final=True))
    stage.play_on_time()
    assert stage.sent == [
        (0, note_on(3, 60, 64)),
        (50 * MS, note_on(3, 64, 64)),
        (70 * MS, note_off(3, 64)),
        (80 * MS, note_off(3, 60)),
    ]
    assert stage.reports == [Report(80 * MS, "answer_end")]


def test_what_is_owed_stays_in_order_when_what_stood_before_it_is_forgotten() -> None:
    stage = Stage()
    stage.player.accept(plan(note(0, 300, 60), note(0, 200, 61), note(50, 70, 62)))
    stage.play(0)
    stage.player.accept(plan(from_ms=20))
    stage.play_on_time()
    assert stage.sent[2:] == [(200 * MS, note_off(3, 61)), (300 * MS, note_off(3, 60))]


def test_at_one_instant_notes_end_then_the_pedal_changes_then_notes_begin() -> None:
    stage = Stage()
    pedals = (PlannedPedal(50 * MS, True), PlannedPedal(50 * MS, False), PlannedPedal(0, True))
    stage.player.accept(plan(note(50, 90, 62), note(0, 50, 60), pedals=pedals))
    stage.play_on_time()
    assert [message for at, message in stage.sent if at == 50 * MS] == [
        note_off(3, 60),
        control(3, 64, 0),
        control(3, 64, 127),
        note_on(3, 62, 64),
    ]


def test_a_held_key_of_the_performer_is_not_ended_by_a_planned_note() -> None:
    stage = Stage()
    thru = stage.keyboard.hand()
    thru.press(3, 60, 30)
    stage.player.accept(plan(note(10, 20, 60)))
    stage.play_on_time()
    assert stage.ear.keys == {(3, 60)}
    thru.release(3, 60)
    assert stage.ear.silent


def test_stop_lets_go_of_the_pedal_but_not_of_the_performers() -> None:
    stage = Stage()
    thru = stage.keyboard.hand()
    thru.pedal(3, 90)
    stage.player.accept(plan(pedals=(PlannedPedal(0, True),)))
    stage.play(0)
    stage.stop(1)
    assert stage.ear.pedals == {3: 90}


def test_the_end_of_a_final_plan_is_reported_once_with_the_pedal_up() -> None:
    stage = Stage()
    stage.player.accept(plan(note(0, 10), final=True, pedals=(PlannedPedal(0, True),)))
    stage.play_on_time()
    stage.play(10**9)
    assert stage.what() == ["answer_end"] and stage.ear.silent and not stage.player.busy


def test_a_stop_reports_what_it_cut_and_what_was_not_begun() -> None:
    stage = Stage()
    stage.player.accept(plan(note(0, 50, 60), note(0, 50, 61), note(40, 50, 62), final=True))
    stage.play(1 * MS)
    stage.stop(2 * MS)
    stage.play(10**9)
    assert stage.reports == [Report(2 * MS, "stopped", {"why": "test", "cut": 2, "forgotten": 1})]


def test_a_plan_that_cuts_ends_what_sounds_from_there_on_and_lifts_the_pedal() -> None:
    stage = Stage()
    down = PlannedPedal(0, True)
    stage.player.accept(plan(note(0, 500, 60), note(50, 80, 61), note(90, 400, 62), note(300, 400, 63), pedals=(down,)))
    stage.play(10 * MS)
    stage.player.accept(Plan(0, 100 * MS, cuts=True))
    stage.play_on_time()
    ends = {message[1]: at // MS for at, message in stage.sent if message[0] == 0x83}
    assert ends == {60: 100, 61: 80, 62: 100}
    assert stage.ear.silent and stage.now == 100 * MS


def test_who_plays_gives_way_to_a_note_but_where_both_were_to_play() -> None:
    stage, struck = Stage(), Performed(30 * MS, Kind.NOTE_ON, 72, 99)
    assert not stage.player.gives_way(struck)  # nothing is played
    stage.player.accept(Plan(0, 0, (note(0, 50),), yields=False))
    assert not stage.player.gives_way(struck)
    stage.player.accept(plan(note(0, 50)))
    assert stage.player.gives_way(struck)
    assert not stage.player.gives_way(replace(struck, kind=Kind.NOTE_OFF))


def test_until_the_phrase_is_over_he_gives_way_to_whatever_is_performed() -> None:
    stage, lifted = Stage(), Performed(30 * MS, Kind.CONTROL, 64, 0)
    for over_ms, gives_way in ((40, True), (30, False)):
        stage.player.accept(Plan(0, 0, (note(50, 90),), yields=False, over_ns=over_ms * MS))
        assert stage.player.gives_way(lifted) == gives_way
        assert stage.player.gives_way(Timeline(30 * MS, 0, 500 * MS)) == gives_way
        assert not stage.player.gives_way(replace(lifted, number=1))


def test_only_the_first_note_of_an_answer_is_the_response() -> None:
    stage = Stage()
    for over_ms, due_ms in ((10, 12), (10, 20), (100, 101), (100, 130)):
        stage.player.accept(Plan(0, due_ms * MS, (note(due_ms, due_ms + 5),), over_ns=over_ms * MS))
        stage.play_on_time()
    after = [report.facts["after_ns"] for report in stage.reports if report.what == "response"]
    assert after == [2 * MS, 1 * MS]


THROUGH = st.tuples(TIMES, st.sampled_from([64, 120, 121, 123, 127]))


@given(st.lists(plans(), min_size=1, max_size=3), st.lists(THROUGH, max_size=4), TIMES)
def test_what_is_told_of_the_playing_is_the_same_whatever_goes_through_on_the_keyboard(
    given: list[Plan], through: list[tuple[int, int]], stop_ns: int
) -> None:
    alone, beside = Stage(), Stage()
    thru = beside.keyboard.hand()
    for now in range(0, 700 * MS, 10 * MS):
        for at, number in through:
            if at == now and number == 64:
                thru.pedal(3, 127)
            elif at == now:
                beside.keyboard.pass_on(control(3, number, 0))
        for stage in (alone, beside):
            if now == stop_ns:
                stage.player.stop(now, "barge_in")
            for plan in given:
                if plan.from_ns // (10 * MS) * 10 * MS == now:
                    stage.player.accept(plan)
            stage.play(now)
        assert alone.player.busy == beside.player.busy
    assert alone.played == beside.played and alone.reports == beside.reports
