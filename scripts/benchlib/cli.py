# SPDX-License-Identifier: BSD-3-Clause
"""The command line: a table of benchmarks, each a module with two functions, add_arguments(parser)
and run(arguments), the latter returning the exit status."""

import argparse
import signal
from dataclasses import dataclass
from types import ModuleType

from benchlib import app, checks, dataplane, failover, pktgen, web
from lablib.errors import LabError
from lablib.progress import complain


@dataclass(frozen=True)
class Benchmark:
    """One sub-command."""

    name: str
    summary: str
    module: ModuleType
    passes_on: bool = False  # Its arguments are another program's: run() finds them in 'rest'.


BENCHMARKS = (
    Benchmark("dataplane", "what a packet costs the load balancer, beside its limits and peers",
              dataplane),
    Benchmark("failover", "what clients miss when a load balancer dies, beside keepalived's and "
              "HAProxy's", failover),
    Benchmark("web", "what a request costs the web tier, beside nginx", web),
    Benchmark("app", "what a link costs the app tier, beside its database alone", app),
    Benchmark("checks", "what a health check costs, and whether thousands begin in time", checks),
    Benchmark("pktgen", "measured traffic for a NIC, or for a load balancer of its own", pktgen,
              passes_on=True),
)


def _parse(args):
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures weir.")
    commands = parser.add_subparsers(dest="name", metavar="BENCHMARK", required=True)
    for benchmark in BENCHMARKS:
        sub = commands.add_parser(benchmark.name, help=benchmark.summary,
                                  description=benchmark.summary,
                                  add_help=not benchmark.passes_on)
        benchmark.module.add_arguments(sub)
        sub.set_defaults(run=benchmark.module.run, passes_on=benchmark.passes_on)
    arguments, rest = parser.parse_known_args(args)
    if rest and not arguments.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    return arguments


def _end_by_signal(number, _):
    raise SystemExit(128 + number)


def main(args):
    """Runs one benchmark; returns the exit status."""
    arguments = _parse(args)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_by_signal)
    try:
        return arguments.run(arguments)
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except (LabError, OSError) as error:
        complain(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 128 + signal.SIGINT
