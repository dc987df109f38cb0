"""What the benches share: tables, spreads, and what a process uses."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

console = Console(width=100)


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    name: str

    def memory(self) -> list[str]:
        """Resident, and with what it shares divided by those it shares it with; in MB."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        kb = {name: int(value.split()[0]) for name, _, value in (x.partition(":") for x in lines)}
        return [f"{kb['Rss'] / 1000:.0f}", f"{kb['Pss'] / 1000:.0f}"]

    def cpu(self) -> float:
        """Seconds of a core used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_ms(self) -> float:
        """The same in ms and exact, of the threads that still run."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in threads) / 1e6


def spread(values: Sequence[float]) -> list[str]:
    """Median, nine in ten, worst; in seconds."""
    if not values:
        return ["-"] * 3
    ordered = sorted(values)
    ninth = ordered[round(0.9 * (len(ordered) - 1))]
    return [seconds(x) for x in (statistics.median(ordered), ninth, ordered[-1])]


def seconds(value: float | None) -> str:
    """As written in a table."""
    return "-" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, with how busy the machine was."""
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    table = Table(*heads, title=title, caption=load, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
