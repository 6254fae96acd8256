"""What a model file says without being loaded is what it says when it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jamd.config import SHIPPED_MODEL
from jamd.engine.onnx_file import read_info
from jamd.engine.session import Session
from jamd.errors import ModelError
from tests.tiny import TINY, tiny_model

LONG = replace(TINY, long_mem_len=64, long_layers=(1,), card="# Tiny\n" * 300, training={"licences": "é"})


@pytest.mark.parametrize("info", [TINY, LONG], ids=["tiny", "with long layers and a long card"])
def test_a_file_says_the_same_whether_it_is_loaded_or_not(tmp_path: Path, info: object) -> None:
    path = tiny_model(tmp_path / "one.onnx", info=info)  # type: ignore[arg-type]
    assert read_info(path) == Session.load(path, "cpu").info


def test_the_model_that_comes_with_jamd_can_be_read() -> None:
    assert read_info(SHIPPED_MODEL).name == "S"


def test_a_file_that_is_cut_anywhere_or_is_no_model_is_refused_with_its_name(tmp_path: Path) -> None:
    whole = tiny_model(tmp_path / "one.onnx").read_bytes()
    path = tmp_path / "bad.onnx"
    for data in (whole[:-1], whole[: len(whole) // 2], whole[:3], b"", b"not a model at all", b"\xff" * 64):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"bad\.onnx") as error:
            read_info(path)
        assert error.value.hint
    path.unlink()
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        read_info(path)
