"""What a person can ask of jamd while it plays: THE table. CC, note, program change and OSC all read it."""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("call-response", "trade", "duet", "continue")
ENTRIES = ("auto", "immediate", "beat", "bar")
PRESSED = 64
"""A controller presses from this value on, as a pedal does."""

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Action:
    """Somebody wants something, now. `name` stands in TABLE; `value` is as the kind there says."""

    time_ns: int
    name: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Spec:
    """One line of the table.

    `trigger`: happens, its value is None; `switch`: 1.0 when pressed, 0.0 when let go, None by what is never let go:
    the other way round; `number`: a float from `low` to `high`, whole where `whole`; `choice`: one of `choices`.
    """

    name: str
    kind: str
    help: str
    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    choices: tuple[str, ...] = ()

    @property
    def settable(self) -> bool:
        """True for what keeps its value: a number or a choice, which a scene may set."""
        return self.kind in ("number", "choice")

    @property
    def allowed(self) -> str:
        """The values it takes, in words."""
        if self.kind == "choice":
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind == "number":
            return f"a {'whole ' * self.whole}number, {self.low:g} to {self.high:g}"
        return "nothing" if self.kind == "trigger" else "0 or 1"

    def scaled(self, value: int, low: float | None = None, high: float | None = None) -> Value:
        """What 0-127 of a controller means: linear in the range, equal parts for the choices, pressed or not.

        `low` and `high` stand for 0 and 127 where it is not the whole range.
        """
        if self.kind == "choice":
            return self.choices[value * len(self.choices) // 128]
        if self.kind == "number":
            first, last = self.low if low is None else low, self.high if high is None else high
            number = first + (last - first) * value / 127
            return float(round(number)) if self.whole else round(number, 3)
        return None if self.kind == "trigger" else float(value >= PRESSED)

    def check(self, value: object) -> Value:
        """`value` as an Action holds it; ValueError, saying what it must be, when it cannot."""
        if self.kind == "trigger":
            return None
        if self.kind == "choice" and value in self.choices:
            return str(value)
        if self.kind == "switch" and value in (0, 1):
            return float(bool(value))
        if self.kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if self.low <= number <= self.high and not (self.whole and number % 1):
                return number
        raise ValueError(f"must be {self.allowed}, not {value}")


TABLE: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec("mode", "choice", "How jamd plays with you.", choices=MODES),
        Spec("entry", "choice", "When an answer begins.", choices=ENTRIES),
        Spec("temperature", "number", "Below 1 plays safer, above 1 wilder.", 0.05, 2.0),
        Spec("top_p", "number", "Draw among the likeliest tokens that together have this probability.", 0.01, 1.0),
        Spec("density", "number", "Most notes that jamd begins in a beat; 16 is as good as no limit.", 0.5, 16.0),
        Spec("bars", "number", "Bars of an answer, 0 for about as many as the call.", 0, 16, whole=True),
        Spec("end_turn", "trigger", "Your phrase is over: jamd answers now."),
        Spec("again", "trigger", "Another answer to the same call."),
        Spec("undo", "trigger", "Forget the last exchange."),
        Spec("hand_over", "switch", "You hand over: jamd goes on where you leave off, in the mode continue."),
        Spec("keep", "trigger", "Mark this take in the recording."),
        Spec("tap", "trigger", "Tap the tempo, once a beat."),
        Spec("panic", "trigger", "Silence whatever sounds."),
    )
}
"""Every action by its name, in the order in which people read them."""
