"""The command ``kalends`` and its parts. Each part imports what it alone needs, when it is called."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import click

from kalends.cli.options import CONFIG, FILES, FILES_OR_CRON, OUTPUT, ZONE, duration, instant
from kalends.errors import KalendsError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("kalends"), prog_name="kalends", message="%(prog)s %(version)s")
def cli() -> None:
    """APScheduler for Kubernetes: ScheduledJobs with exact fire times and recorded misfires."""


@cli.command(name="version")
def version_() -> None:
    """Show the version of Kalends and of its zone database."""
    from kalends.triggers import database

    click.echo(f"kalends {version('kalends')} (time zones {database()})")


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
    """Report the problems of manifests, field by field, or describe them. Exit code 1 if there is a problem."""
    from kalends.cli.commands.validate import validate_files

    sys.exit(validate_files(files, now=_now(), zone=_zone(time_zone, config)))


@cli.command()
@FILES_OR_CRON
@ZONE
@CONFIG
def explain(what: tuple[str, ...], time_zone: str | None, config: Path | None) -> None:
    """Describe the schedules of manifests, or a cron expression, in plain English."""
    from kalends.cli.commands.explain import show_meanings

    sys.exit(show_meanings(what, now=_now(), zone=_zone(time_zone, config)))


@cli.command(name="next")
@FILES_OR_CRON
@ZONE
@click.option(
    "--after", metavar="INSTANT", callback=instant, help="RFC 3339. Fire times are later than this. Default: now."
)
@click.option("--until", metavar="INSTANT", callback=instant, help="RFC 3339. Fire times are not later than this.")
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Number of fire times to list, at most 10000. Default: 5; with --until, all.",
)
@click.option("--count", is_flag=True, help="Count the fire times until --until, and show the first and the last.")
@OUTPUT
@CONFIG
def next_(what: tuple[str, ...], *, number: int | None, count: bool, **options: Any) -> None:
    """Show the next fire times of manifests, or of a cron expression.

    A manifest that was never applied counts as created at --after. Jitter delays runs, not fire times.
    """
    from kalends.cli.commands.count import show_count
    from kalends.cli.commands.next_times import AT_MOST, Window, show_next

    after, until, output = options["after"], options["until"], options["output"]
    after = _now() if after is None else after
    zone = _zone(options["time_zone"], options["config"])
    if until is not None and until < after:
        raise click.UsageError("--until must not be before --after, or before now where there is no --after")
    if not count:
        most = number or (5 if until is None else AT_MOST)
        sys.exit(show_next(what, Window(after, until), zone=zone, number=most, output=output))
    if until is None:
        raise click.UsageError("--count must have --until: it counts up to there")
    if number is not None:
        raise click.UsageError("must have one of -n, which lists, and --count, which counts; not both")
    sys.exit(show_count(what, after, until, zone=zone, output=output))


@cli.command()
@FILES
@click.option(
    "--for", "duration", metavar="DURATION", callback=duration, help="Stop after this duration: 90s, 5m, 1h30m."
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("kalends.db"),
    show_default=True,
    help="File that records the runs.",
)
@click.option(
    "--local-commands",
    is_flag=True,
    help="Run the only container of a jobTemplate as a local process. Templates that need more are refused.",
)
@click.option("--plain", is_flag=True, help="Print lines instead of a live table, also on a terminal.")
@ZONE
@CONFIG
def run(files: tuple[Path, ...], **options: Any) -> None:
    """Run manifests in this process, without a cluster."""
    from kalends.cli.run.local import run_files

    sys.exit(run_files(files, **options))


@cli.command()
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: as kubectl; in a pod, its ServiceAccount.",
)
@click.option("--context", help="Context of the kubeconfig. Default: the current context.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Namespace to watch; repeatable. Default: all.")
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
@click.option(
    "--leader-elect/--no-leader-elect",
    default=None,
    help="Whether to act only while holding a Lease, which allows several replicas. Default: in a pod, yes.",
)
@CONFIG
def operator(**options: Any) -> None:
    """Run the operator: watch ScheduledJobs, and dispatch their runs.

    Exit code 0 after SIGTERM or SIGINT; 2 if the settings or the kubeconfig cannot be used or the port of the probes is
    taken, with one line on standard error; 1 after an internal error.
    """
    from kalends.cli.commands.operator_process import run_operator

    _leave(run_operator(**options))


@cli.group()
def convert() -> None:
    """Convert what other schedulers have stored."""


@convert.command()
@click.argument("source")
@click.option("--read-pickles", is_flag=True, help="Read the pickles that SOURCE has. Required: see above.")
@click.option("--to", metavar="URL", help="Write into this job store of Kalends. Default: show what would be written.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "yaml"]),
    default="text",
    show_default=True,
    help="yaml: print ScheduledJobs for the operator, and the refused jobs on standard error.",
)
@click.option("--name", help="Table, key, database.collection or path of SOURCE. Default: that of APScheduler.")
@click.option("--allow", multiple=True, metavar="MODULE:CLASS", help="Another class to admit; repeatable.")
def apscheduler(source: str, *, read_pickles: bool, to: str | None, output: str, **options: Any) -> None:
    """Convert the jobs of APScheduler 3 into a job store of Kalends, or into ScheduledJobs.

    SOURCE is redis://…, mongodb://…, rethinkdb://…, etcd://… (etcd+https://…), zookeeper://…, a URL of SQLAlchemy, or a
    file that export_jobs wrote. It is only read.

    With --output yaml, a job that calls package.module:function becomes a ScheduledJob with the task
    package.module.function, which the operator must know, for kubectl apply --server-side. Its arguments must be JSON.

    APScheduler stores pickles. A pickle can call what it names. Here it may name only APScheduler's classes, dates,
    time zones and numbers, and what --allow adds. With --to, the modules of the jobs' callables are imported. Convert
    only what you trust. Exit code 1 if a job is refused.
    """
    if not read_pickles:
        raise click.UsageError("the jobs are pickles: add --read-pickles if you trust everyone who could write them")
    if to is not None and output == "yaml":
        raise click.UsageError("must have one of --to, which writes into a job store, and --output yaml; not both")
    from kalends.cli.commands.convert import convert_jobs

    manifests_at = datetime.fromtimestamp(_now(), UTC) if output == "yaml" else None
    sys.exit(convert_jobs(source, to=to, manifests_at=manifests_at, **options))


def _leave(code: int) -> NoReturn:
    """End the process, whatever threads of tasks still hang: Python itself would wait for them."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _now() -> int:
    from kalends.clock import SystemClock

    return int(SystemClock().now())


def _zone(said: str | None, config: Path | None) -> str:
    from kalends.settings import Settings

    return Settings.load(config, time_zone=said).time_zone


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on standard error, and exit code 2."""
    try:
        cli(standalone_mode=True)
    except KalendsError as error:
        from kalends.cli.printing import one_line

        click.echo(one_line(f"kalends: {error}"), err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader has seen enough, as in `kalends next … | head`
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
