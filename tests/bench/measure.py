#!/usr/bin/env python3
"""Measures tapflow and tcpflow on the captures that `run` made; see `run --help`."""

import argparse
import filecmp
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
FILES = ["-o", "out"]


@dataclass
class Row:
    """One line of the table: what is run, and what it is meant to come to."""

    # Options of tapflow; what is written goes to the directory `out`.
    ours: list[str]
    # tcpflow's, where it is measured.
    theirs: list[str] | None = None
    # The name of the capture, if it is not that of the line.
    capture: str | None = None
    # Both must write the same files: tcpflow is right there.
    same: bool = False
    # What tapflow's time is compared with.
    floor: str = "copy"
    # tcpflow's time by tapflow's, at least; tapflow's by the floor, at most; MiB beyond the mapped capture, at most.
    goals: tuple[float | None, float | None, float | None] = (None, None, None)


ROWS = {
    "bulk": Row(FILES, FILES, same=True, goals=(3.5, 1.0, 64)),
    "loss": Row(FILES, FILES, same=True, goals=(3.5, 1.2, 64)),
    "web": Row(FILES, FILES, same=True, goals=(3, 1.0, 64)),
    "small": Row(["-Fk", *FILES], ["-Fk", *FILES], same=True, goals=(3, 1.0, 128)),
    "open": Row(["-Fk", *FILES], ["-Fk", *FILES], same=True, goals=(3, 1.0, 300)),
    "scan": Row(FILES, FILES, goals=(40, None, 128)),
    "post": Row(["-a", *FILES], ["-e", "http", "-e", "md5", *FILES], same=True, goals=(4, None, 128)),
    "hash": Row(["--hash", "sha256", *FILES], capture="bulk", floor="sha256sum", goals=(None, 1.1, 64)),
    "console": Row(["-C", "-B"], ["-C", "-B"], capture="bulk", goals=(5, None, 64)),
    "read-only": Row(["-FX", *FILES], ["-FX", *FILES], capture="bulk", floor="cat", goals=(None, 1.5, 64)),
    "gzip": Row(["-FX", *FILES], floor="gzip", goals=(None, 1.2, 64)),
    "zstd": Row(["-FX", *FILES], floor="zstd", goals=(None, 1.2, 64)),
    "lz4": Row(["-FX", *FILES], floor="lz4", goals=(None, 1.2, 64)),
}


@dataclass
class Program:
    """One program's figures, a list for each."""

    path: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def note(self, wall, cpu, peak):
        self.wall.append(wall)
        self.cpu.append(cpu)
        self.peak.append(peak)


def run(command):
    """Runs a program; gives its wall-clock seconds, processor seconds and peak memory in MiB.

    Through `time`, as a child of this process would begin with the peak of Python.
    """
    start = time.monotonic()
    with open(os.devnull, "wb") as out, open("messages", "wb") as messages:
        status = subprocess.run(["/usr/bin/time", "-o", "usage", "-f", "%U %S %M", *command],
                                stdout=out, stderr=messages, check=False).returncode
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{Path('messages').read_text()}")
    user, system, peak = Path("usage").read_text().split()
    return wall, float(user) + float(system), int(peak) / 1024


def emptied():
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")


def files(directory):
    """All files below a directory but the reports, by relative path."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            if name != "report.xml":
                path = Path(folder, name)
                found[str(path.relative_to(directory))] = path
    return found


def difference(one, other):
    """Why two output directories are not the same; None if they are."""
    left, right = files(one), files(other)
    if left.keys() != right.keys():
        only = sorted(left.keys() ^ right.keys())
        return f"{len(only)} names on one side only, {only[0]} is one of them"
    for name, path in left.items():
        if not filecmp.cmp(path, right[name], shallow=False):
            return f"{name} has other contents"
        if "-HTTP" in name:
            continue  # tcpflow gives bodies the time of the extraction
        if int(path.stat().st_mtime) != int(right[name].stat().st_mtime):
            return f"{name} has another time"
    return None


def least(what, capture):
    """Seconds of what nobody can do without: reading the capture and copying the output, or digests of the output
    on one core, or reading alone, or decompressing it."""
    if what == "sha256sum":
        return run(["taskset", "-c", "0", "sha256sum", *sorted(map(str, files("out").values()))])[0]
    if what in ("gzip", "zstd", "lz4"):
        return run([what, "-q", "-dc", capture])[0]
    # To a file descriptor that takes the bytes: some systems copy nothing to /dev/null.
    read = run(["sh", "-c", 'cat "$1" >/dev/null', "cat", capture])[0]
    if what == "cat":
        return read
    shutil.rmtree("copy", ignore_errors=True)
    copied = run(["cp", "-r", "out", "copy"])[0]
    shutil.rmtree("copy")
    return read + copied


def own_memory(command):
    """The most memory in MiB that a run holds without a file behind it, looked at every two milliseconds."""
    most = 0
    with open(os.devnull, "wb") as out, open("messages", "wb") as messages:
        child = subprocess.Popen(command, stdout=out, stderr=messages)
        while child.poll() is None:
            try:
                status = Path(f"/proc/{child.pid}/status").read_text()
            except OSError:
                break
            if found := re.search(r"RssAnon:\s*(\d+)", status):
                most = max(most, int(found[1]) / 1024)
            time.sleep(0.002)
        child.wait()
    return most


def system_calls(command):
    """How many system calls a run makes, in all of its threads; None where strace is missing or may not trace."""
    if not shutil.which("strace"):
        return None
    with open(os.devnull, "wb") as null:
        traced = subprocess.run(["strace", "-c", "-f", "-o", "calls", *command], stdout=null, stderr=null, check=False)
    if traced.returncode != 0:
        return None
    total = Path("calls").read_text().splitlines()[-1].split()
    Path("calls").unlink()
    # "100.00 seconds usecs/call calls [errors] total"
    return int(total[3])


def shown(value, digits=2, goal=None, sign=""):
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if goal is None else f"{value:.{digits}f} ({sign}{goal:g})"


def measure(name, row, options):
    """The cells of one line, and what is wrong with the output."""
    capture = f"{options.captures}/{row.capture or name}.pcap"
    ours = Program(options.tapflow)
    theirs = Program(options.tcpflow) if row.theirs else None
    command = [options.tapflow, "-q", *row.ours, "-r", capture]
    lowest = []
    reason = None
    for turn in range(options.runs + 1):
        if theirs:
            emptied()
            figures = run([options.tcpflow, "-q", *row.theirs, "-r", capture])
            if turn > 0:  # the first one warms up
                theirs.note(*figures)
            elif row.same:
                shutil.rmtree("reference", ignore_errors=True)
                os.rename("out", "reference")
        emptied()
        figures = run(command)
        if turn > 0:
            ours.note(*figures)
            lowest.append(least(row.floor, capture))
        elif row.same:
            reason = difference("reference", "out")
            shutil.rmtree("reference")
    made, length = len(files("out")), os.path.getsize(capture) / MIB
    peak = statistics.median(ours.peak) - length
    emptied()
    own = own_memory(command)
    emptied()
    calls = system_calls(command)
    median = statistics.median
    wall = median(ours.wall)
    by_tcpflow, by_floor, memory = row.goals
    # Where only the ratio counts the floor says nothing.
    floor = median(lowest) if by_floor else None
    cells = [
        name,
        shown(median(theirs.wall) if theirs else None),
        shown(wall),
        shown(median(theirs.cpu) if theirs else None),
        shown(median(ours.cpu)),
        shown(median(theirs.wall) / wall if theirs else None, 2, by_tcpflow, "≥ "),
        shown(floor),
        shown(wall / floor if floor else None, 2, by_floor, "≤ "),
        shown(max(peak, own), 0, memory, "≤ "),
        shown(calls / made if calls and made else None, 1),
        shown(calls / length if calls else None, 0),
    ]
    return cells, reason


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--tapflow", required=True)
    parser.add_argument("--tcpflow", required=True)
    parser.add_argument("--captures", required=True)
    parser.add_argument("directory")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    os.chdir(options.directory)

    wrong = []
    print(f"medians of {options.runs}, in brackets what they are meant to be; s is wall-clock seconds, cpu is user and "
          "system seconds")
    print()
    print("| run | tcpflow s | tapflow s | tcpflow cpu | tapflow cpu | tcpflow / tapflow | floor s | tapflow / floor "
          "| own MiB | calls / file | calls / MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in options.names:
        cells, reason = measure(name, ROWS[name], options)
        if reason:
            wrong.append(f"{name}: {reason}")
        print(f"| {' | '.join(cells)} |", flush=True)
    for name in ("out", "messages", "usage"):
        shutil.rmtree(name) if os.path.isdir(name) else Path(name).unlink(missing_ok=True)
    if wrong:
        sys.exit("the outputs differ\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
