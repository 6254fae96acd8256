"""Bindings at random."""

from __future__ import annotations

from math import ceil, floor

from hypothesis import strategies as st

from jamd.music.actions import Spec
from jamd.music.bindings import SOURCES, Binding


@st.composite
def bindings(draw: st.DrawFn, spec: Spec, *, through: bool | None = None) -> Binding:
    """A binding that the action takes."""
    source = draw(st.sampled_from(list(SOURCES)))
    number, channel = draw(st.integers(*SOURCES[source])), draw(st.integers(0, 16))
    value, low, high = None, None, None
    if spec.settable and (source != "cc" or draw(st.booleans())):
        value = draw(values(spec))
    elif spec.kind == "number" and draw(st.booleans()):
        low, high = draw(values(spec)), draw(values(spec))
    heard_too = draw(st.booleans()) if through is None else through
    return Binding(source, number, channel, value, low, high, heard_too)  # type: ignore[arg-type]


def values(spec: Spec) -> st.SearchStrategy[float | str]:
    """Values of a number or a choice, short enough to be written by hand."""
    if spec.kind == "choice":
        return st.sampled_from(spec.choices)
    steps = 1 if spec.whole else 100
    return st.integers(ceil(spec.low * steps), floor(spec.high * steps)).map(lambda n: n / steps)
