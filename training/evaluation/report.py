"""The evaluation as text. What `--json` writes as its last line, one object:

    model           path, architecture, parameters, tgt_len and mem_len (GPT-2: context), steps
    seed            decides every draw
    data            folder, split; sets: {set: {songs, tokens, notes, repeated_notes, flat_velocity (songs)}};
                    left_out: {trained | train | other half: pieces}; skipped: [set/piece: why, archive: why]
    bits_per_note   {set: {system: {part: cell}}}, `all` beside several sets
                    system: "512" .. (model, that context), own (model, its own memory), mixture (n-grams of the
                    training set), song_cache (the same and n-grams of the song so far), xz (each song alone)
                    part: all; repeated (bars with the same notes at the same positions as an earlier bar of the
                    song); novel (all else); second_half (of the song's tokens)
    beside          the model of --beside, as `model`; null without. Its systems are "beside 512" ..
    saved_over_beside   {set: {context: {part: cell}}}: bits a note that the model saves over it, on the same draws
    gain_4096_over_512  {set: {part: cell}}: bits a note saved, on the same draws
    ratios          {set: {context_512_to_mixture, own_to_xz, context_4096_to_song_cache,
                    context_4096_to_song_cache_second_half: cell}}
    baselines       train_tokens, fit_tokens: what the n-grams and their weights were learnt from; null without
    music           what continuation.evaluate says: {true_grid, free_grid: {pairs, songs, columns: {column:
                    {measure: cell}}}, measures: {measure: meaning}, ...}; null when skipped or impossible
    missing         {system or part: why it is not there}
    seconds         {part of the work: seconds}

A cell is {value, low, high}, the ends of a 95 % bootstrap interval over songs, or null where a figure does not
exist. Bits count every token but BOS (bars, chords, tempo, pedal too) over Note On tokens; the Note Velocity of
pieces with flat velocity is left out for all systems. With --skip bits the tables of bits are not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.evaluation.bars import ALL, NOVEL, PARTS, REPEATED, SECOND_HALF
from training.evaluation.figures import BESIDE

HEADINGS = {ALL: "all", REPEATED: "repeated bars", NOVEL: "novel bars", SECOND_HALF: "second half"}
SYSTEMS = {
    "own": "model, own memory",
    "mixture": "n-gram mixture",
    "song_cache": "mixture + song cache",
    "xz": "xz, each song alone",
}
SPOKEN_RATIOS = {
    "context_512_to_mixture": "model at 512 / mixture",
    "own_to_xz": "model, own memory / xz",
    "context_4096_to_song_cache": "model at 4096 / mixture + song cache",
    "context_4096_to_song_cache_second_half": "the same, second half",
}
GRIDS = {"true_grid": "on the true grid", "free_grid": "on the free grid"}
NOTHING = "-"


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The whole report."""
    model, data = result["model"], result["data"]
    for subject in filter(None, (model, result.get("beside"))):
        yield f"{subject['path']}: {subject['architecture']}, {subject['parameters']:,} parameters"
    yield from _about(data)
    for name in result.get("bits_per_note", {}):
        yield ""
        yield from table(f"{name}: bits a note", *bits_rows(result, name))
        yield ""
        yield from table(f"{name}: ratios and gains", *ratio_rows(result, name))
    for grid, spoken in GRIDS.items() if result["music"] else ():
        yield ""
        found = result["music"][grid]
        title = f"answers {spoken}: {found['pairs']} pairs of {found['songs']} songs"
        yield from table(title, *music_rows(found["columns"]))
    yield from (f"{_label(name)}: not measured, {why}" for name, why in result["missing"].items())
    yield "seconds: " + ", ".join(f"{name} {spent:.0f}" for name, spent in result["seconds"].items())


def bits_rows(result: Mapping[str, Any], name: str) -> tuple[list[str], dict[str, list[str]]]:
    """Headings and rows of the bits table of a set."""
    rows = {}
    for system, parts in result["bits_per_note"][name].items():
        rows[_label(system)] = [spoken(parts[part], 2) for part in PARTS]
    return list(HEADINGS.values()), rows


def ratio_rows(result: Mapping[str, Any], name: str) -> tuple[list[str], dict[str, list[str]]]:
    """The ratios that the gates ask for, and the gain of long memory, of a set."""
    rows = {SPOKEN_RATIOS[ratio]: [spoken(cell, 3)] for ratio, cell in result["ratios"][name].items()}
    for part, cell in result["gain_4096_over_512"][name].items():
        rows[f"bits saved by 4096 over 512, {HEADINGS[part]}"] = [spoken(cell, 3)]
    for context, parts in result["saved_over_beside"][name].items():
        for part, cell in parts.items():
            rows[f"bits saved over the model beside at {context}, {HEADINGS[part]}"] = [spoken(cell, 3)]
    return ["figure [95 % interval]"], rows


def music_rows(columns: Mapping[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """A row for each measure, a column for each player."""
    measures = dict.fromkeys(measure for cells in columns.values() for measure in cells)
    rows = {m: [spoken(cells.get(m), 3) for cells in columns.values()] for m in measures}
    return list(columns), rows


def _label(system: str) -> str:
    if system in SYSTEMS:
        return SYSTEMS[system]
    which, context = ("model beside", system.removeprefix(BESIDE)) if system.startswith(BESIDE) else ("model", system)
    return f"{which}, context {context}" if context.isdecimal() else system


def spoken(cell: Mapping[str, float] | None, digits: int) -> str:
    """`15.21 [14.90, 15.52]`, or a dash."""
    if cell is None:
        return NOTHING
    return f"{cell['value']:.{digits}f} [{cell['low']:.{digits}f}, {cell['high']:.{digits}f}]"


def table(title: str, headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Lines of a table with its columns under each other."""
    first = max([len(title), *map(len, rows)])
    widths = [max([len(h), *(len(row[i]) for row in rows.values())]) for i, h in enumerate(headings)]
    for label, cells in {title: headings, **rows}.items():
        yield "  ".join([label.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]).rstrip()


def _about(data: Mapping[str, Any]) -> Iterator[str]:
    for name, counts in data["sets"].items():
        share = counts["repeated_notes"] / max(counts["notes"], 1)
        yield (
            f"{name}: {counts['songs']} songs, {counts['notes']:,} notes, {counts['tokens']:,} tokens, "
            f"{share:.0%} of the notes in repeated bars"
        )
    told = [f"{count} {reason}" for reason, count in data["left_out"].items()]
    if told:
        yield f"left out: {', '.join(told)}"
    yield from (f"skipped {why}" for why in data["skipped"])
    if data["skipped"]:
        yield f"{len(data['skipped'])} skipped"
