#!/usr/bin/env python3
"""Reads HAR files with readers that are not tapflow's: hario-core checks each field by its model of HAR 1.2,
haralyzer goes through the exchanges. Prints how many there are; ends with 1 at the first that is wrong.

usage: read.py FILE...   (needs hario-core and haralyzer, see `run`)
"""

import json
import sys

from haralyzer import HarParser
from hario_core.parse import parse

exchanges = 0
for name in sys.argv[1:]:
    log = parse(name)
    entries = json.load(open(name, encoding="utf-8"))["log"]["entries"]
    if len(log.entries) != len(entries):
        sys.exit(f"{name}: {len(log.entries)} of {len(entries)} entries")
    for entry in log.entries:
        times = entry.timings
        if abs(entry.time - (times.send + times.wait + times.receive)) > 1e-3:
            sys.exit(f"{name}: time of {entry.request.url}")
    parser = HarParser.from_file(name)
    for entry in parser.pages[0].entries if parser.pages else []:
        if entry.request.method and not entry.request.url.startswith("http"):
            sys.exit(f"{name}: {entry.request.url}")
    exchanges += len(entries)
print(f"{len(sys.argv) - 1} files, {exchanges} exchanges")
if exchanges == 0:
    sys.exit("no exchanges")
