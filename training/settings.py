"""Settings of a run: a named config or a TOML file, overridden by options. Knows no torch."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jamd.errors import ConfigError, did_you_mean

CONFIGS = Path(__file__).parent / "configs"
AMP = ("auto", "bf16", "fp32")
INTEGERS = "tuple[int, ...]"
"""The type of a list of whole numbers, as its field spells it."""
OPTIMIZERS = MUON, ADAMW = "muon", "adamw"
XL_NAME, GPT2_NAME = ARCHITECTURES = ("transformer-xl", "gpt2")


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The `[model]` table; vocab_size comes from the vocabulary."""

    n_layer: int
    d_model: int
    n_head: int
    d_head: int
    d_inner: int
    tgt_len: int = 128
    """Tokens of a segment."""
    mem_len: int = 512
    """Tokens of memory behind it."""
    long_mem_len: int = 0
    """Tokens of memory of the long_layers."""
    long_layers: tuple[int, ...] = ()
    """Layers, counted from 0, that look further back than the others."""
    dropout: float = 0.1
    architecture: str = XL_NAME
    """transformer-xl, or gpt2: the GPT-2 to compare with a Transformer-XL of these sizes. It has the same depth and
    width and as many target tokens a step; its d_inner is whatever gives it as many parameters."""
    context: int = 1024
    """Positions of a GPT-2, tokens of its window (a Transformer-XL has none)."""

    @property
    def longest_memory(self) -> int:
        """Tokens, of all layers."""
        return max(self.mem_len, self.long_mem_len)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The `[train]` table."""

    batch: int = 16
    """Lanes; a step is batch * tgt_len tokens."""
    lr: float = 1e-3
    """The learning rate after warm-up, held until the decay."""
    decay_share: float = 0.3
    """The last part of the schedule, in which the rate falls to `final_lr` of `lr`."""
    final_lr: float = 0.02
    warmup_steps: int = 300
    max_steps: int = 0
    """The length of the schedule in steps; 0: the others decide. Of several that are set: what ends first."""
    max_tokens: int = 0
    """The length of the schedule in target tokens, padding not counted: what two architectures should have alike."""
    hours: float = 0.0
    """The length of the schedule in hours of training."""
    short_mem_len: int = 0
    """Memory while the run is young: shorter is cheaper, and the near is learnt first (Press et al. 2021)."""
    short_share: float = 0.0
    """For this share of the schedule the memory is `short_mem_len`; later, and in validation, mem_len. GPT-2 has
    whole windows always."""
    optimizer: str = "adamw"
    """muon: Muon for the layers' matrices and AdamW for the rest; adamw: AdamW for all."""
    adamw_lr: float = 1e-3
    """AdamW's rate beside Muon, where `lr` is Muon's; it rises and falls with it."""
    weight_decay: float = 0.1
    """Of matrices only."""
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0
    """The longest gradient."""
    seed: int = 1
    threads: int = 0
    """CPU threads; 0: torch decides."""
    amp: str = "auto"
    """auto: bf16 where the chip computes in it."""
    device: str = "cpu"
    log_every: int = 50
    valid_every: int = 1000
    save_every: int = 250
    patience: int = 0
    """So many validations without a better one begin the decay, or, in the decay, end the run; 0: never."""
    valid_tokens: int = 120_000
    """Of the validation half, spread over the sets; each piece is heard up to `valid_piece_tokens`."""
    valid_piece_tokens: int = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides a run besides the cache."""

    model: ModelSizes
    train: TrainSettings


def load(name: str) -> Settings:
    """The settings of a named config (S, M, L) or a TOML file; ConfigError when it is missing or wrong."""
    known = sorted(p.stem for p in CONFIGS.glob("*.toml"))
    path = CONFIGS / f"{name}.toml" if name in known else Path(name)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = f"{did_you_mean(name, known)} Known: {', '.join(known)}, or a TOML file.".strip()
        raise ConfigError(f'No config "{name}".', hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = f"training/{CONFIGS.name}/S.toml shows how one looks; {', '.join(known)} need no file."
        raise ConfigError(f"{path} is not TOML: {error}.", hint) from error
    return from_tables(tables, str(path))


def from_tables(tables: Mapping[str, Any], where: str) -> Settings:
    """Settings of `{"model": {...}, "train": {...}}`; ConfigError names the key that is wrong."""
    for name in tables:
        if name not in ("model", "train"):
            raise ConfigError(f"{where}: no table [{name}].", "There are [model] and [train].")
    model = _checked(ModelSizes, tables.get("model", {}), f"{where}, [model]")
    return Settings(model, _checked(TrainSettings, tables.get("train", {}), f"{where}, [train]"))


def overridden(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """The settings with options put over them, by the names of their keys; None leaves a value as it is."""
    given = {name: value for name, value in options.items() if value is not None}
    sizes = {name: given.pop(name) for name in list(given) if name in ModelSizes.__dataclass_fields__}
    model = _checked(ModelSizes, dataclasses.asdict(settings.model) | sizes, "options")
    return Settings(model, _checked(TrainSettings, dataclasses.asdict(settings.train) | given, "options"))


_Table = TypeVar("_Table", ModelSizes, TrainSettings)


def _checked(kind: type[_Table], table: Mapping[str, Any], where: str) -> _Table:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            raise ConfigError(f'{where}: no key "{key}".', did_you_mean(key, fields))
        _check_value(f"{where}: {key}", str(fields[key].type), value)
    missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in table]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} not set.", "configs/S.toml shows every size.")
    made = kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
    _check_whole(made, where)
    return made


def _check_value(what: str, type_name: str, value: object) -> None:
    if isinstance(value, list | tuple) and type_name == INTEGERS:
        for one in value:
            _check_value(what, "int", one)
        return
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    if isinstance(value, bool) or not isinstance(value, kinds.get(type_name, ())):
        raise ConfigError(f"{what} = {value!r} is not of type {'list of int' if type_name == INTEGERS else type_name}.")
    if isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{what} = {value} is below 0.")


_POSITIVE = (
    "n_layer", "d_model", "n_head", "d_head", "d_inner", "tgt_len", "batch", "lr", "log_every", "valid_every",
    "save_every", "valid_tokens", "valid_piece_tokens", "clip", "context",
)  # fmt: skip


def _check_whole(made: ModelSizes | TrainSettings, where: str) -> None:
    for name in _POSITIVE:
        if not getattr(made, name, 1):
            raise ConfigError(f"{where}: {name} must be more than 0.")
    if isinstance(made, ModelSizes) and (made.d_model % 2 or made.dropout >= 1):
        raise ConfigError(f"{where}: d_model must be even, dropout less than 1.")
    if isinstance(made, ModelSizes):
        _check_long_layers(made, where)
    if isinstance(made, TrainSettings) and made.decay_share > 1:
        raise ConfigError(f"{where}: decay_share = {made.decay_share} is more than 1.")
    for key, known in (("amp", AMP), ("architecture", ARCHITECTURES), ("optimizer", OPTIMIZERS)):
        value = getattr(made, key, known[0])
        if value not in known:
            raise ConfigError(f'{where}: {key} = "{value}".', f"One of {', '.join(known)}.")


def _check_long_layers(made: ModelSizes, where: str) -> None:
    if any(layer >= made.n_layer for layer in made.long_layers):
        raise ConfigError(f"{where}: long_layers = {list(made.long_layers)}.", f"Layers are 0 to {made.n_layer - 1}.")
    too_short = 0 < made.long_mem_len <= made.mem_len
    if too_short or bool(made.long_layers) != bool(made.long_mem_len):
        raise ConfigError(f"{where}: long_layers go with a long_mem_len above mem_len.", "Set both or neither.")
