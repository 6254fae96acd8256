"""Which model a run trains: Transformer-XL or GPT-2, built from the same sizes to the same number of parameters.

Both are called alike, `model(tokens [B, T], memory or None) -> (logits [B, T, vocab_size], Memory)`, and both have
`config`, `segment` (tokens of a lane in a training step) and `stride` (tokens of a lane scored at a time).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from jamd.errors import ConfigError, ModelError
from training.gpt2 import GPT2, GPT2Config
from training.model import ModelConfig, TransformerXL, parameters_of
from training.settings import ARCHITECTURES, GPT2_NAME, XL_NAME, ModelSizes, Settings

Config = ModelConfig | GPT2Config
Model = TransformerXL | GPT2
MULTIPLE = 8
"""d_inner is a multiple of it: matrix units of CPUs and GPUs want that; the parameters still match within 1 %."""


def config_of(sizes: ModelSizes, vocab_size: int) -> Config:
    """The config of a model with these sizes; a GPT-2's d_inner makes it as large as the Transformer-XL."""
    table = dataclasses.asdict(sizes) | {"vocab_size": vocab_size}
    xl = ModelConfig(**_fields(ModelConfig, table))
    if sizes.architecture == XL_NAME:
        return xl
    return as_large_as(xl, GPT2Config(**_fields(GPT2Config, table)))


def as_large_as(xl: ModelConfig, gpt2: GPT2Config) -> GPT2Config:
    """The GPT-2 with that d_inner, a multiple of 8, with which it has nearest to the parameters of `xl`."""
    thin, thicker = (size_of(dataclasses.replace(gpt2, d_inner=n)) for n in (1, 2))
    d_inner = 1 + (size_of(xl) - thin) / (thicker - thin)
    return dataclasses.replace(gpt2, d_inner=max(MULTIPLE * round(d_inner / MULTIPLE), MULTIPLE))


def size_of(config: Config) -> int:
    """How many parameters a model of this config has; none is made."""
    with torch.device("meta"):
        return parameters_of(build(config))


def build(config: Config) -> Model:
    """A new model; its weights come from torch's generator."""
    return GPT2(config) if isinstance(config, GPT2Config) else TransformerXL(config)


def name_of(config: Config) -> str:
    """The architecture of a config, as settings and checkpoints call it."""
    return GPT2_NAME if isinstance(config, GPT2Config) else XL_NAME


def config_from(architecture: str, table: dict[str, Any]) -> Config:
    """The config that a checkpoint holds as a table; ModelError for an architecture nobody knows."""
    kinds: dict[str, type[Config]] = {XL_NAME: ModelConfig, GPT2_NAME: GPT2Config}
    if architecture not in kinds:
        raise ModelError(f'No architecture "{architecture}".', f"Known: {', '.join(ARCHITECTURES)}.")
    return kinds[architecture](**table)


def lanes_for(settings: Settings, tokens: int) -> int:
    """How many lanes of `tokens` make a step of batch * tgt_len tokens; ConfigError when they do not divide it."""
    step = settings.train.batch * settings.model.tgt_len
    if step % tokens:
        raise ConfigError(
            f"A step of batch * tgt_len = {step} tokens is no whole number of windows of {tokens}.",
            "Change batch or context.",
        )
    return step // tokens


def _fields(kind: type[Config], table: dict[str, Any]) -> dict[str, Any]:
    return {f.name: table[f.name] for f in dataclasses.fields(kind)}
