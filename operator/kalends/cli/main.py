"""The command ``kalends`` and its parts. Each part imports what it alone needs, when it is called."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from kalends.errors import KalendsError

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
CONFIG = click.option(
    "--config",
    envvar="KALENDS_CONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file of settings; KALENDS_… in the environment wins over it.",
)
ZONE = click.option("--time-zone", metavar="ZONE", help="The IANA zone of manifests that name none.")
OUTPUT = click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """APScheduler for Kubernetes: ScheduledJobs with exact fire times, misfires on record."""


@cli.command(name="version")
def version_() -> None:
    """Show the version of Kalends and of its zone database."""
    import tzdata

    click.echo(f"kalends {version('kalends')} (time zones {tzdata.IANA_VERSION})")


@cli.command()
def crds() -> None:
    """Print the CustomResourceDefinition, for `kubectl apply --server-side -f -`."""
    from kalends.model.crd import crd_yaml

    click.echo(crd_yaml(), nl=False)


@cli.command()
@FILES
@ZONE
@CONFIG
def validate(files: tuple[Path, ...], time_zone: str | None, config: Path | None) -> None:
    """Say what is wrong with manifests, field by field. Exit code 1 if anything is."""
    from kalends.cli.validate import validate_files

    sys.exit(validate_files(files, time_zone=time_zone, config=config))


@cli.command(name="next")
@click.argument("what", nargs=-1, required=True, metavar="[FILE… | CRON]")
@ZONE
@click.option("--after", metavar="INSTANT", help="RFC 3339; default: now. Fire times are later than this.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many.")
@OUTPUT
def next_(what: tuple[str, ...], **options: Any) -> None:
    """Show the coming fire times of manifests, or of a cron expression."""
    from kalends.cli.next import show_next

    sys.exit(show_next(what, **options))


@cli.command()
@FILES
@click.option("--for", "duration", metavar="DURATION", help="End after so long: 90s, 5m, 1h30m.")
@click.option(
    "--store",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("kalends.db"),
    show_default=True,
    help="The file that remembers what has run.",
)
@click.option(
    "--local-commands", is_flag=True, help="Run the containers of a jobTemplate as processes of this machine."
)
@click.option("--plain", is_flag=True, help="Lines instead of a live table, also on a terminal.")
@ZONE
@CONFIG
def run(files: tuple[Path, ...], **options: Any) -> None:
    """Run manifests in this process, without a cluster."""
    from kalends.cli.local import run_files

    sys.exit(run_files(files, **options))


@cli.command()
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Default: as kubectl; in a pod, its account."
)
@click.option("--context", help="The context of the kubeconfig. Default: the current one.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="A namespace to watch; repeatable. Default: all.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, envvar="KALENDS_LOG_FORMAT"
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    envvar="KALENDS_LOG_LEVEL",
)
@CONFIG
def operator(**options: Any) -> None:
    """Run the operator: watch ScheduledJobs, and dispatch their runs."""
    from kalends.cli.operator import run_operator

    sys.exit(run_operator(**options))


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on standard error, and exit code 2."""
    try:
        cli(standalone_mode=True)
    except KalendsError as error:
        click.echo(f"kalends: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader has seen enough, as in `kalends next … | head`
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
