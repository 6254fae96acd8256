"""`python -m export RUN --out FILE.onnx`: a training run becomes a model file that jamd plays."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from jamd.engine.info import INT8
from jamd.errors import JamdError, ModelError


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .onnx file to write.")
@click.option("--card", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A model card to put in.")
@click.option("--mem-len", type=click.IntRange(1), metavar="TOKENS", help="Memory to play with; else as trained.")
@click.option("--int8", is_flag=True, help="In eight bits: a smaller file, a quicker step, almost the same music.")
@click.option("--only-installed", is_flag=True, help="Check on the installed onnxruntime alone, fetch no other.")
def main(run: Path, out: Path, card: Path | None, mem_len: int | None, int8: bool, only_installed: bool) -> None:
    """Export the model of RUN, a training folder, checkpoint or .onnx, and check it.

    The file must equal the torch model over a stream longer than its memory, final memory included, on the
    installed onnxruntime and on the lowest that jamd allows. Only then is it written. The last line is JSON.

    \b
    Examples:
      python -m export runs/S --out jamd/models/S.onnx --card jamd/models/S.md
      python -m export jamd/models/S.onnx --int8 --out S-int8.onnx
    """
    try:
        _export(run, out, card.read_text(encoding="utf-8") if card else "", mem_len, int8, only_installed)
    except JamdError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _export(run: Path, out: Path, card: str, mem_len: int | None, int8: bool, only_installed: bool) -> None:
    try:
        from export import runtimes, to_onnx  # late: what is missing is said in a sentence
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("jamd", "export", "training"):
            raise
        raise ModelError(
            f"{error.name} is missing.", 'Install what training needs: pip install -e ".[train]"'
        ) from error
    versions = ("",) if only_installed else ("", runtimes.LOWEST)
    reports = to_onnx.export_run(run, out, card, versions, mem_len, INT8 if int8 else None)
    for r in reports:
        click.echo(
            f"onnxruntime {r.onnxruntime} on {r.device}: {r.tokens} tokens, {r.rewinds} rewinds; "
            f"differences: logits {max(r.logits_error, r.last_error):.1e}, memory {r.memory_error:.1e}; "
            f"step {r.step_ms} ms, prefill of 64 {r.prefill_ms} ms"
        )
    size = out.stat().st_size
    click.echo(f"{out}: {size / 1e6:.1f} MB")
    click.echo(json.dumps({"out": str(out), "bytes": size, "parity": [dataclasses.asdict(r) for r in reports]}))


if __name__ == "__main__":
    main(prog_name="python -m export")
