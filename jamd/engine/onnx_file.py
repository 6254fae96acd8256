"""What an .onnx file says of itself, read without loading it: the file's metadata, past the graph with its weights.

An .onnx file is one protobuf message: fields, each a key (its number and how it is written) and a value. The metadata
are the fields 14, each a message of a key (1) and a value (2).
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from jamd.engine.info import EXPORT_HINT, ModelInfo
from jamd.errors import ModelError

METADATA, KEY, VALUE = 14, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


def read_info(path: Path) -> ModelInfo:
    """What the model in a file is; ModelError for a file that is no model of jamd's."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            metadata = {_text(p, KEY): _text(p, VALUE) for p in _messages(file, size, METADATA)}
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror}.", "Name another with --model FILE.onnx.") from error
    except ValueError as error:
        raise ModelError(f"{path} is not a model that can be loaded; {error}.", EXPORT_HINT) from error
    return ModelInfo.from_metadata(metadata, path)


def _messages(file: BinaryIO, end: int, wanted: int) -> list[bytes]:
    """The values of every field `wanted`; ValueError where the file is cut, or no protobuf at all."""
    found = []
    while file.tell() < end:
        number, kind = divmod(_varint(file), 8)
        if kind == _VARINT:
            _varint(file)
            continue
        length = _varint(file) if kind == _BYTES else _FIXED.get(kind)
        if length is None or file.tell() + length > end:
            raise ValueError("it may be incomplete")
        if kind == _BYTES and number == wanted:
            found.append(file.read(length))
        else:
            file.seek(length, 1)
    return found


def _varint(file: BinaryIO) -> int:
    """A number of seven bits a byte, the lowest first."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return value
    raise ValueError("it may be incomplete")


def _text(message: bytes, wanted: int) -> str:
    """The text of a field of a message."""
    parts = _messages(BytesIO(message), len(message), wanted)
    return parts[-1].decode() if parts else ""
