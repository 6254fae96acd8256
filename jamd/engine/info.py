"""What a model file says of itself: sizes, vocabulary fingerprint, training. Knows neither ONNX nor torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from jamd.errors import ModelError
from jamd.remi import vocabulary

COMMON, LONG = "", "_long"
"""Rings of memory, and what the graph's inputs of each end in: mask, mask_long."""
LONG_MEM_LEN, LONG_LAYERS = "long_mem_len", "long_layers"
FP32, INT8 = "fp32", "int8"
BYTES = {FP32: 4, INT8: 1}
"""Of a weight, by the precision that it runs in."""
FORMAT = "1"
"""Names the graph's inputs and outputs (export/graph.py); another number is another contract."""
EXPORT_HINT = "Export the model again with `python -m export`, or name another file with --model."


def digest(path: Path) -> str:
    """What tells a model's file from any other."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Sizes of a Transformer-XL and of its ring memory (lengths in tokens), and where it comes from.

    ValueError for sizes that no model can have.
    """

    n_layer: int
    d_model: int
    n_head: int
    d_head: int
    d_inner: int
    tgt_len: int
    """Length of a segment, as in training."""
    mem_len: int
    """Tokens before its segment that a token sees."""
    vocab_size: int
    capacity: int
    """Slots of the ring: mem_len + tgt_len + headroom for rewinding."""
    long_mem_len: int = 0
    """The same for the long layers, which look further back, in a ring of their own; 0: there are none."""
    long_layers: tuple[int, ...] = ()
    """Counted from 0."""
    precision: str = FP32
    """How the matrices run: FP32, or INT8, where all but those of embedding and positions are bytes."""
    fingerprint: str = vocabulary.FINGERPRINT
    """Of the vocabulary table the model was trained with."""
    training: Mapping[str, str] = field(default_factory=dict)
    """What the run says: steps, data, licences, validation loss; empty when unknown."""
    card: str = ""
    """The model card, Markdown; empty when there is none."""
    name: str = "model"
    """What people call it: the file's name without its ending."""

    def __post_init__(self) -> None:
        small = [name for name in SIZES if name != LONG_MEM_LEN and getattr(self, name) < 1]
        if small:
            raise ValueError(f"{', '.join(small)} must be positive")
        if self.capacity < self.mem_len + self.tgt_len:
            raise ValueError(f"capacity {self.capacity} is less than mem_len {self.mem_len} + tgt_len {self.tgt_len}")
        if any(layer not in range(self.n_layer) for layer in self.long_layers):
            raise ValueError(f"long_layers {self.long_layers} are not among {self.n_layer}")
        too_short = 0 < self.long_mem_len <= self.mem_len
        if too_short or bool(self.long_layers) != bool(self.long_mem_len):
            raise ValueError(f"long_mem_len {self.long_mem_len} does not fit long_layers {self.long_layers}")
        if self.precision not in BYTES:
            raise ValueError(f"precision {self.precision} is none of {', '.join(BYTES)}")

    @property
    def longest_memory(self) -> int:
        """Tokens before its segment that a token sees in the layers that look furthest back."""
        return max(self.mem_len, self.long_mem_len)

    @property
    def headroom(self) -> int:
        """Tokens that may be taken back at no cost."""
        return self.capacity - self.mem_len - self.tgt_len

    def ring_of(self, layer: int) -> str:
        """The ring that a layer's memory stands in: COMMON or LONG."""
        return LONG if layer in self.long_layers else COMMON

    def capacity_of(self, ring: str) -> int:
        """Slots of a ring."""
        return self.capacity if ring == COMMON else self.long_mem_len + self.tgt_len + self.headroom

    @property
    def rings(self) -> tuple[str, ...]:
        """The rings that there are."""
        return (COMMON, LONG) if self.long_layers else (COMMON,)

    @property
    def parameters(self) -> int:
        """How many numbers the model has learnt."""
        wide = self.n_head * self.d_head
        attention = 5 * self.d_model * wide + 2 * wide
        feed_forward = 2 * self.d_model * self.d_inner + self.d_inner + self.d_model
        layer = attention + feed_forward + 4 * self.d_model
        return self.n_layer * layer + self.vocab_size * (self.d_model + 1) + 2 * self.d_model

    @property
    def memory_bytes(self) -> int:
        """Bytes of K and V in all slots of all layers, float32."""
        slots = sum(self.capacity_of(self.ring_of(layer)) for layer in range(self.n_layer))
        return 2 * slots * self.n_head * self.d_head * 4

    @property
    def floor_bytes(self) -> int:
        """Bytes that a step has to read: the weights as they run, and K and V of all slots, float32."""
        return self.parameters * BYTES[self.precision] + self.memory_bytes

    @property
    def rank(self) -> tuple[int, int, int]:
        """What makes a model the larger one: its parameters, how far it looks back, how finely it computes."""
        return self.parameters, self.longest_memory, BYTES[self.precision]

    def to_metadata(self) -> dict[str, str]:
        """The strings that ride in the .onnx file."""
        sizes = {name: str(getattr(self, name)) for name in SIZES}
        training = json.dumps(dict(self.training), ensure_ascii=False)
        return {
            "jamd": FORMAT,
            "vocabulary": self.fingerprint,
            **sizes,
            LONG_LAYERS: " ".join(map(str, self.long_layers)),
            "precision": self.precision,
            "training": training,
            "card": self.card,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: Path) -> ModelInfo:
        """Reads what `to_metadata` wrote into the file `where`; ModelError for a stranger."""
        if "jamd" not in metadata:
            raise ModelError(
                f"{where} is an ONNX model, but not one of jamd's: it carries no jamd metadata.", EXPORT_HINT
            )
        if metadata["jamd"] != FORMAT:
            raise ModelError(
                f"{where} has the model format {metadata['jamd']}, and this jamd reads format {FORMAT}.",
                EXPORT_HINT,
            )
        if metadata.get("vocabulary") != vocabulary.FINGERPRINT:
            raise ModelError(
                f"{where} speaks another vocabulary: its fingerprint is "
                f"{metadata.get('vocabulary', 'missing')}, and this jamd's is {vocabulary.FINGERPRINT}.",
                "Use a model that was trained with this version of jamd.",
            )
        try:
            sizes: dict[str, Any] = {name: int(metadata[name]) for name in SIZES if name != LONG_MEM_LEN}
            sizes[LONG_MEM_LEN] = int(metadata.get(LONG_MEM_LEN, 0))  # files of before there was one
            sizes[LONG_LAYERS] = tuple(map(int, metadata.get(LONG_LAYERS, "").split()))
            sizes["precision"] = metadata.get("precision", FP32)
            training = {str(k): str(v) for k, v in json.loads(metadata.get("training", "{}")).items()}
            card = metadata.get("card", "")
            info = cls(**sizes, fingerprint=metadata["vocabulary"], training=training, card=card, name=where.stem)
        except (KeyError, ValueError, AttributeError) as error:
            raise ModelError(f"{where} has metadata that cannot be used: {error}.", EXPORT_HINT) from error
        if info.vocab_size != vocabulary.SIZE:
            raise ModelError(
                f"{where} has {info.vocab_size} tokens, and the vocabulary {vocabulary.SIZE}.", EXPORT_HINT
            )
        return info


SIZES = tuple(f.name for f in fields(ModelInfo) if f.type == "int")
