"""Bindings as people write them: "cc 20", "note 36 channel 10 value duet"; as data, checked. Knows no port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from jamd.errors import did_you_mean
from jamd.music.actions import Spec, Value

SOURCES = {"cc": (0, 119), "note": (0, 127), "program": (1, 128)}
"""What can be bound, and how people number it; the controllers above 119 end notes: nobody may swallow those."""
FORM = '"cc 20", "note 36 channel 10" or "program 3"'
_WORDS = ("channel", "value", "from", "through")


@dataclass(frozen=True, slots=True)
class Binding:
    """A message that asks for an action. Programs and channels count from 1, as on an instrument's display."""

    source: str
    """One of SOURCES."""
    number: int
    channel: int = 0
    """0: any that jamd listens to."""
    value: Value = None
    """What the action is asked for; None: what the message says."""
    low: float | None = None
    high: float | None = None
    """What 0 and 127 of a controller mean, where it is not the action's whole range."""
    through: bool = False
    """It is heard as music, and passed on, as well."""

    def __str__(self) -> str:
        words = [self.message]
        if self.value is not None:
            words.append(f"value {self.value:g}" if isinstance(self.value, float) else f"value {self.value}")
        if self.low is not None:
            words.append(f"from {self.low:g} to {self.high:g}")
        return " ".join(words + ["through"] * self.through)

    @property
    def message(self) -> str:
        """The message alone, in words."""
        return f"{self.source} {self.number}" + (f" channel {self.channel}" if self.channel else "")

    def meets(self, other: Binding) -> bool:
        """True if one message could mean both."""
        same = (self.source, self.number) == (other.source, other.number)
        return same and (not self.channel or not other.channel or self.channel == other.channel)


def parse(text: str, spec: Spec) -> tuple[Binding, ...]:
    """What is bound to an action: several stand behind commas, none is an empty text. ValueError says what is wrong."""
    bindings = tuple(_parsed(part.split(), spec) for part in text.split(",") if part.strip())
    for binding in bindings:
        _judge(binding, spec)
    return bindings


def parse_out(text: str) -> Binding | None:
    """A controller that jamd itself sends; None for an empty text. ValueError says what is wrong."""
    if not text.strip():
        return None
    binding = _parsed(text.split(), Spec("", "trigger", ""))
    if binding.source != "cc" or binding != Binding("cc", binding.number, binding.channel):
        raise ValueError(f'must read like "cc 119 channel 16", not "{text}"')
    return binding


def clash(rows: Sequence[tuple[str, Binding]]) -> str:
    """Two names that are bound to one message, in a sentence; empty where there are none."""
    for at, (name, binding) in enumerate(rows):
        for other, second in rows[:at]:
            if binding.meets(second):
                return f'{other} = "{second}" and {name} = "{binding}" are one message'
    return ""


def _parsed(words: list[str], spec: Spec) -> Binding:
    source = words[0].lower()
    if source not in SOURCES:
        hint = did_you_mean(source, SOURCES)
        raise ValueError(f'must read like {FORM}, not "{" ".join(words)}"{": " * bool(hint)}{hint}')
    number = _whole(words[:2], *SOURCES[source])
    fields: dict[str, Value] = {}
    rest = iter(words[2:])
    for word in rest:
        match word.lower():
            case "channel":
                fields["channel"] = _whole([word, *islice(rest, 1)], 1, 16)
            case "value":
                fields["value"] = _value(next(rest, ""), spec)
            case "from":
                low, to, high = (*islice(rest, 3), "", "", "")[:3]
                if to.lower() != "to":
                    raise ValueError('has a range that must read like "from 0.5 to 1.5"')
                fields |= {"low": _number(low, spec), "high": _number(high, spec)}
            case "through":
                fields["through"] = True
            case _:
                hint = did_you_mean(word.lower(), _WORDS) or f"Known are: {', '.join(_WORDS)}."
                raise ValueError(f'holds the word "{word}": {hint}')
    return Binding(source, number, **fields)  # type: ignore[arg-type]  # each stands under its own name


def _judge(binding: Binding, spec: Spec) -> None:
    if binding.low is not None and (binding.source != "cc" or spec.kind != "number" or binding.value is not None):
        raise ValueError(f'"{binding.message}" has a range, which only a cc for a number can have')
    if binding.source != "cc" and spec.settable and binding.value is None:
        raise ValueError(f'"{binding}" must say which value it sets, as in "{binding.message} value ..."')


def _whole(words: list[str], low: int, high: int) -> int:
    text = words[1] if len(words) > 1 else "nothing"
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"needs a whole number, {low} to {high}, behind {words[0]}, not {text}")
    return int(text)


def _value(text: str, spec: Spec) -> Value:
    if spec.kind in ("trigger", "switch"):
        raise ValueError(f"has a value, but {spec.name or 'it'} takes none")
    return _number(text, spec) if spec.kind == "number" else spec.check(text)


def _number(text: str, spec: Spec) -> float:
    try:
        number = spec.check(float(text))
    except ValueError:
        raise ValueError(f'has a value that must be {spec.allowed}, not "{text}"') from None
    return float(number or 0)
