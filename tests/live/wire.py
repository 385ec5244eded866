"""Two network namespaces joined by a veth pair, and programs that run in them: for `rates` and `soak`."""

import os
import signal
import subprocess
import sys
import time

NAMES = ["tapflow-client-%d" % os.getpid(), "tapflow-server-%d" % os.getpid()]
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def make():
    """Both namespaces, each with a device `net0`, with segments as they are on a wire."""
    if os.geteuid() != 0:
        sys.exit("%s: network namespaces want root" % sys.argv[0])
    for name in NAMES:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    ip("-n", NAMES[0], "link", "add", "net0", "type", "veth", "peer", "name", "net0", "netns", NAMES[1])
    for name, address in zip(NAMES, (CLIENT, SERVER)):
        within(name, "ethtool", "-K", "net0", *"tso off gso off gro off tx off".split())
        within(name, "sysctl", "-q", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv6.conf.net0.disable_ipv6=1")
        ip("-n", name, "addr", "add", address + "/24", "dev", "net0")
        ip("-n", name, "link", "set", "net0", "up")


def remove():
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def command(name, *words):
    return ["ip", "netns", "exec", name, *words]


def within(name, *words):
    subprocess.run(command(name, *words), check=True, stdout=subprocess.DEVNULL)


class Program:
    """A program in the server's namespace; what it says on standard error goes to a file."""

    def __init__(self, words, directory, listening):
        self.said_in = os.path.join(directory, "words")
        with open(self.said_in, "wb") as said:
            self.child = subprocess.Popen(
                command(NAMES[1], *words), cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
        limit = time.monotonic() + 30
        while listening not in self.said():
            if self.child.poll() is not None or time.monotonic() > limit:
                sys.exit("%s: %s" % (words[0], self.said()))
            time.sleep(0.02)

    def said(self):
        with open(self.said_in, errors="replace") as said:
            return said.read()

    def end(self):
        """Ends it as Ctrl-C does: its exit status and the processor time it took, in seconds."""
        self.child.send_signal(signal.SIGINT)
        _, status, used = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        return self.child.returncode, used.ru_utime + used.ru_stime


def frames():
    """Frames that the server's device has seen, both ways."""
    total = 0
    for name in ("rx_packets", "tx_packets"):
        path = "/sys/class/net/net0/statistics/" + name
        total += int(subprocess.run(command(NAMES[1], "cat", path), check=True, capture_output=True).stdout)
    return total
