"""`python -m training`: prepare the data, train the model."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "curves": "training.curves:curves_command",
    "evaluate": "training.evaluation.command:evaluate_command",
    "finetune": "training.finetune:finetune_command",
    "listen": "training.listen:listen_command",
    "prepare": "training.prepare:prepare_command",
    "train": "training.command:train_command",
}
"""Imported when asked for: torch takes seconds to load, and `prepare` needs none of it."""


class LazyGroup(click.Group):
    """A group whose commands are imported by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; a sentence instead of a traceback when a library is missing."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in ("jamd", "training"):
                raise
            raise click.ClickException(f'{error.name} is missing: pip install -e ".[train]"') from error
        return command


@click.group(cls=LazyGroup)
def main() -> None:
    """Train jamd's model: tokens from data, then a Transformer-XL from tokens."""


if __name__ == "__main__":
    main(prog_name="python -m training")
