"""Chord symbols as lead sheets spell them: `F#m7b5`, `BbΔ`, `G7alt/D`. Knows neither bars nor time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jamd.music.chords import NO_CHORD, QUALITIES, ROOTS
from jamd.music.scales import SCALES, pitch_class

_SILENT = frozenset({"N.C.", "N.C", "NC", "n.c.", NO_CHORD})
_SYMBOL = re.compile(r"(?P<root>[A-G][#b♯♭]?)(?P<rest>.*?)(?:/(?P<bass>[A-G][#b♯♭]?))?")
_SPELLED = re.compile(rf"(?P<root>[A-G]#?):(?P<quality>{'|'.join(QUALITIES)})")
_MAJOR = "[Mm]ajor|maj|Maj|MAJ|ma|Ma|MA|M(?![iI])|Δ|△|\\^"
_HEAD = re.compile(
    rf"(?P<major>{_MAJOR})|(?P<minor>[Mm]inor|min|Min|MIN|mi|Mi|MI|m|-)|(?P<dim>dim|o(?!m)|°|º)|(?P<half>ø|Ø)"
    r"|(?P<aug>aug|\+)|(?P<dom>dom)"
)
_TERM = re.compile(
    rf"(?P<major>{_MAJOR})|sus(?P<sus>[24]?)|add(?P<add>[#b♯♭]?(?:2|4|6|9|11|13))|(?:no|omit)(?P<no>[35])|(?P<alt>alt)"
    r"|/?(?P<shift>[#b♯♭+\-](?:5|9|11|13))|(?P<aug>aug|\+)|(?:/|(?<=[(,]))(?P<tension>9|11|13)"
    r"|(?P<number>6/9|69|13|11|[245679])|[(),]"
)
_DEGREES = {2: 2, 4: 5, 5: 7, 6: 9, 9: 2, 11: 5, 13: 9}
_FLATS, _TRIANGLES = "b♭-", "Δ△^"
_EXTENSIONS = {7: (), 9: (2,), 11: (2, 5), 13: (2, 9)}
_SCALES = {"maj": "major", "min": "dorian", "dim": "locrian", "aug": "whole tone", "dom": "mixolydian"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A chord as it was written, what the vocabulary calls it, and what sounds in it."""

    text: str
    name: str
    """`root:quality` in the vocabulary's five qualities (`A:min`), or `N:N`."""
    tones: frozenset[int] = frozenset()
    """Pitch classes as written: sevenths, added and altered notes and the bass too; none for no chord."""
    bass: int | None = None
    """The pitch class behind the slash."""

    @property
    def scale(self) -> frozenset[int]:
        """The scale that goes with it: the quality's; a tone that is foreign to it drives its neighbours out."""
        root, _, quality = self.name.partition(":")
        if self.name == NO_CHORD:
            return frozenset(range(12))
        tonic = ROOTS.index(root)
        seventh = quality == "dim" and (tonic + 9) % 12 in self.tones
        scale = "diminished" if seventh else _SCALES[quality]
        notes = {(tonic + step) % 12 for step in SCALES[scale]}
        for tone in self.tones - notes:
            notes -= {(tone + 1) % 12, (tone - 1) % 12} - self.tones
        return frozenset(notes | self.tones)


def parse_symbol(text: str) -> Symbol:
    """The chord that `text` spells; ValueError with the reason if it spells none."""
    if text in _SILENT:
        return Symbol(text, NO_CHORD)
    spelled = _SPELLED.fullmatch(text)
    if spelled:
        return plain_symbol(text)
    found = _SYMBOL.fullmatch(text)
    if found is None:
        raise ValueError("a chord begins with its root, A to G")
    root = pitch_class(found["root"])
    reading = _Reading()
    reading.read(found["rest"])
    bass = pitch_class(found["bass"]) if found["bass"] else None
    tones = {(root + step) % 12 for step in reading.steps} | ({bass} if bass is not None else set())
    return Symbol(text, f"{ROOTS[root]}:{reading.quality}", frozenset(tones), bass)


def plain_symbol(name: str) -> Symbol:
    """The symbol of a chord that the vocabulary spells: `A:min`, `N:N`."""
    root, _, quality = name.partition(":")
    if name == NO_CHORD:
        return Symbol(name, name)
    return Symbol(name, name, frozenset((ROOTS.index(root) + step) % 12 for step in QUALITIES[quality]))


@dataclass(slots=True)
class _Reading:
    """What has been read of a symbol behind its root, in semitones above it."""

    third: int | None = 4
    fifth: int = 7
    altered: set[int] = field(default_factory=set)
    """Fifths that take the place of the plain one."""
    seventh: int | None = None
    added: set[int] = field(default_factory=set)
    major: bool = False
    augmented: bool = False
    numbered: bool = False

    @property
    def steps(self) -> set[int]:
        """All that sounds."""
        fifths = self.altered or {self.fifth}
        return {0, *fifths, *self.added} | {s for s in (self.third, self.seventh) if s is not None}

    @property
    def quality(self) -> str:
        """The nearest of the vocabulary's five: sevenths make `dom` only over a major third or none."""
        fifths = self.altered or {self.fifth}
        if self.third == 3:
            return "dim" if fifths == {6} else "min"
        if self.seventh == 10 and not self.augmented:
            return "dom"
        return "aug" if self.third == 4 and fifths == {8} else "maj"

    def read(self, text: str) -> None:
        """All that stands behind the root; ValueError for what nobody understands."""
        head = _HEAD.match(text)
        at = 0
        if head:
            self._head(head)
            at = head.end()
        while at < len(text):
            term = _TERM.match(text, at)
            if term is None:
                raise ValueError(f'"{text[at:]}" is not understood')
            self._term(term)
            at = term.end()

    def _head(self, head: re.Match[str]) -> None:
        match head.lastgroup:
            case "major":
                self._make_major(head[0])
            case "minor":
                self.third = 3
            case "dim":
                self.third, self.fifth = 3, 6
            case "half":
                self.third, self.altered, self.seventh = 3, {6}, 10
            case "aug":
                self._augment()

    def _term(self, term: re.Match[str]) -> None:
        value = term[term.lastgroup] if term.lastgroup else ""
        match term.lastgroup:
            case "major":
                self._make_major(value)
            case "sus":
                self.third = None
                self.added.add(2 if value == "2" else 5)
            case "add" | "tension":
                self.added.add(_degree(value))
            case "no":
                self._leave_out(value)
            case "alt":
                self.seventh, self.altered = 10, {6, 8}
                self.added |= {1, 3}
            case "shift":
                (self.altered if value[1:] == "5" else self.added).add(_degree(value))
            case "aug":
                self._augment()
            case "number":
                self._number(value)

    def _make_major(self, sign: str) -> None:
        self.major = True
        if sign in _TRIANGLES or self.seventh is not None:  # as in C7M
            self.seventh = 11

    def _augment(self) -> None:
        self.altered, self.augmented = {8}, True

    def _leave_out(self, degree: str) -> None:
        if degree == "3":
            self.third = None
        else:
            self.altered = {0}  # no fifth at all: the root stands for it

    def _number(self, text: str) -> None:
        if self.numbered:
            raise ValueError(f'"{text}" comes too late: one number says how far a chord reaches')
        self.numbered = True
        if text in ("69", "6/9"):
            self.added |= {9, 2}
        elif text == "5":
            self.third = None
        elif text == "4":
            self.third = None
            self.added.add(5)
        elif text in ("2", "6"):
            self.added.add(_DEGREES[int(text)])
        else:
            diminished = self.third == 3 and self.fifth == 6
            self.seventh = 11 if self.major else self.seventh or (9 if diminished else 10)
            self.added |= set(_EXTENSIONS[int(text)])


def _degree(text: str) -> int:
    """Semitones above the root of `b9`, `#11` or `13`."""
    shift = 0 if text[0].isdigit() else -1 if text[0] in _FLATS else 1
    return (_DEGREES[int(text.lstrip("#b♯♭+-"))] + shift) % 12
