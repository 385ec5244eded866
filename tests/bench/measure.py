#!/usr/bin/env python3
"""Measures tapflow and tcpflow on the captures that `run` made; see `run --help`."""

import argparse
import filecmp
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

# Options of each run, without the capture; what is written goes to the directory `out`.
OPTIONS = {
    "bulk": ["-o", "out"],
    "loss": ["-o", "out"],
    "web": ["-o", "out"],
    "post": ["-e", "http", "-e", "md5", "-o", "out"],
    "small": ["-Fk", "-o", "out"],
    "open": ["-Fk", "-o", "out"],
    "scan": ["-o", "out"],
    "console": ["-c"],
    "no-files": ["-FX", "-X", "out/report.xml"],
}
# Where tapflow does more.
OURS = {"post": ["-a", "-o", "out"]}
CAPTURE = {"console": "web", "no-files": "web"}
# Where tcpflow is right, so that both must write the same files.
SAME = ["bulk", "loss", "web", "post", "small", "open"]


def run(program, arguments, output=os.devnull):
    """Runs a program; gives its wall-clock seconds, processor seconds and peak memory in MiB.

    Through `time`, as a child of this process would begin with the peak of Python.
    """
    command = ["/usr/bin/time", "-o", "usage", "-f", "%U %S %M", program, *arguments]
    start = time.monotonic()
    with open(output, "wb") as out, open("messages", "wb") as messages:
        status = subprocess.run(command, stdout=out, stderr=messages, check=False).returncode
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{program} {' '.join(arguments)} failed:\n{Path('messages').read_text()}")
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


def floor(capture):
    """Seconds that reading the capture and copying the output take, without knowing what they are."""
    start = time.monotonic()
    with open(capture, "rb", buffering=0) as source:
        block = bytearray(1 << 20)
        while source.readinto(block):
            pass
    read = time.monotonic() - start
    shutil.rmtree("copy", ignore_errors=True)
    copied = run(shutil.which("cp"), ["-r", "out", "copy"])[0]
    shutil.rmtree("copy", ignore_errors=True)
    return read + copied


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--tapflow", required=True)
    parser.add_argument("--tcpflow", required=True)
    parser.add_argument("directory")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    os.chdir(options.directory)
    programs = [options.tcpflow, options.tapflow]

    wrong = []
    print(f"medians of {options.runs}; seconds are wall-clock, cpu is user and system time, "
          "memory is the peak resident set")
    print("tapflow maps the capture: `mapped` is its length, which the peak includes while it is cached")
    print()
    print("| run | tcpflow s | tapflow s | ratio | tcpflow cpu | tapflow cpu | tcpflow MiB | tapflow MiB "
          "| mapped MiB | floor s |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in options.names:
        capture = f"{CAPTURE.get(name, name)}.pcap"
        figures = {program: [] for program in programs}
        for turn in range(options.runs + 1):
            for program in programs:
                emptied()
                chosen = OURS.get(name, OPTIONS[name]) if program == options.tapflow else OPTIONS[name]
                figure = run(program, ["-q", *chosen, "-r", capture])
                if turn > 0:  # the first one warms up
                    figures[program].append(figure)
                if turn == 0 and program == options.tcpflow and name in SAME:
                    shutil.rmtree("reference", ignore_errors=True)
                    os.rename("out", "reference")
        if name in SAME:
            reason = difference("reference", "out")
            if reason:
                wrong.append(f"{name}: {reason}")
            shutil.rmtree("reference")
        least = floor(capture)
        theirs, ours = ([statistics.median(column) for column in zip(*figures[p])] for p in programs)
        print(f"| {name} | {theirs[0]:.2f} | {ours[0]:.2f} | {ours[0] / theirs[0]:.2f} | {theirs[1]:.2f} "
              f"| {ours[1]:.2f} | {theirs[2]:.0f} | {ours[2]:.0f} "
              f"| {os.path.getsize(capture) / (1 << 20):.0f} | {least:.2f} |", flush=True)
    for name in ("out", "messages", "usage"):
        shutil.rmtree(name) if os.path.isdir(name) else Path(name).unlink(missing_ok=True)
    if wrong:
        sys.exit("the outputs differ\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
