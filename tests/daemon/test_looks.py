"""The brain's diary: whatever it looked at, it can be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamd.daemon.looks import MOST, Look, Looks, read_looks
from jamd.music.events import Kind, Performed
from jamd.music.messages import GRAIN_NS, Looked, PlanEnded, Watermark

NOTE = Performed(5, Kind.NOTE_ON, 60, 80)
LOOKS = st.lists(
    st.tuples(
        st.sampled_from(["note", "mark", "exact mark", "step", "deaf", "tell"]),
        st.integers(0, 10**9),  # ns since the last
        st.integers(0, 3),
    )
)


@given(LOOKS, st.integers(0, 10**15))
def test_what_is_read_is_what_was_seen(script: list[tuple[str, int, int]], now: int) -> None:
    told = list[Looked]()
    looks, seen, heard = Looks(told.append), list[Look](), -1
    for what, since, count in script:
        now += since
        if what == "step":
            seen.append(Look("s", looks.step(now)))
            assert now <= seen[-1].value < now + GRAIN_NS
        elif what == "tell":
            looks.tell()
        elif "mark" in what:
            mark = now if what == "exact mark" else now - now % GRAIN_NS
            looks.hear(Watermark(mark, count))
            seen += [Look("h", count)] * (count != heard) + [Look("w", mark)]
            heard = count
        else:
            since = now - 3 * (now % GRAIN_NS)  # nobody listened since then
            looks.hear(NOTE if what == "note" else PlanEnded(since, deaf=True))
            seen.append(Look("m") if what == "note" else Look("d", since))
    looks.tell()
    assert [look for page in told for look in read_looks(page.from_ns, page.looks)] == seen
    assert [page.number for page in told] == list(range(len(told)))


def test_a_diary_is_told_in_time_and_an_hour_of_music_is_a_few_megabytes() -> None:
    told = list[Looked]()
    looks = Looks(told.append)
    for number in range(20_000):  # 100 s
        looks.hear(Watermark(number * 50 * GRAIN_NS, 7))
        looks.step(number * 50 * GRAIN_NS + 17 * GRAIN_NS)
    assert len(told) >= 40_000 // MOST
    assert sum(len(page.looks) for page in told) * 36 < 5_000_000
