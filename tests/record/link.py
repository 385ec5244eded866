#!/usr/bin/env python3
"""A wire between two TAP devices that can be bad on purpose, with a mirror port.

    link.py [--seed N] [--before WHAT] [--after WHAT] [--mirror WHAT] [--tag TPID:TCI]...

Makes tc-PID (client's side), ts-PID (server's side) and tm-PID (mirror), says `ready`, and passes
frames until it is ended. WHAT is a list such as `lose=2,repeat=1,swap=5` in percent of the IP frames:
`--before` happens before the mirror sees a frame, `--after` behind it, `--mirror` only to its copy.
`--tag 0x8100:5` puts a VLAN tag on the mirror's copy, as on a trunk port; repeated, the first is outermost.
"""

import argparse
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
HOLD = 0.004  # a swapped frame waits for the next one, but not longer than this


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Trouble:
    """Loses, repeats and swaps frames on their way to `forward`."""

    def __init__(self, what, dice, forward):
        self.chance = {"lose": 0.0, "repeat": 0.0, "swap": 0.0}
        for item in filter(None, what.split(",")):
            name, percent = item.split("=")
            self.chance[name] = float(percent) / 100
        self.dice, self.forward, self.held = dice, forward, None

    def hit(self, name):
        return self.chance[name] and self.dice.random() < self.chance[name]

    def __call__(self, frame):
        if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            return self.forward(frame)
        if self.hit("lose"):
            return None
        if self.held is None and self.hit("swap"):
            self.held = (frame, time.monotonic() + HOLD)
            return None
        self.forward(frame)
        if self.hit("repeat"):
            self.forward(frame)
        self.release()
        return None

    def release(self, late_only=False):
        if self.held and not (late_only and time.monotonic() < self.held[1]):
            frame, self.held = self.held[0], None
            self.forward(frame)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=1)
    for name in ("--before", "--after", "--mirror"):
        options.add_argument(name, default="")
    options.add_argument("--tag", action="append", default=[])
    given = options.parse_args()
    dice = random.Random(given.seed)
    tags = b"".join(struct.pack(">HH", *(int(part, 0) for part in tag.split(":"))) for tag in given.tag)
    ends = [tap("t%s-%d" % (side, os.getpid())) for side in "cs"]
    mirror = tap("tm-%d" % os.getpid())
    stages = []

    def write(device, frame):
        try:
            os.write(device, frame)
        except OSError:
            pass  # the device is not up yet, or gone

    to_mirror = Trouble(given.mirror, dice, lambda f: write(mirror, f[:12] + tags + f[12:]))
    entries = {}
    for source, target in (ends, ends[::-1]):
        after = Trouble(given.after, dice, lambda f, target=target: write(target, f))
        before = Trouble(given.before, dice, lambda f, after=after: (to_mirror(f), after(f)))
        entries[source] = before
        stages += [before, after]
    stages.append(to_mirror)
    print("ready", flush=True)
    while True:
        readable = select.select(ends, [], [], HOLD / 2)[0]
        for device in readable:
            try:
                entries[device](os.read(device, 65536))
            except OSError:
                pass
        for stage in stages:
            stage.release(late_only=True)


if __name__ == "__main__":
    sys.exit(main())
