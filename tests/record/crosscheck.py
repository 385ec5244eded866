#!/usr/bin/env python3
"""Compares what answers.py takes out of each frame with what tshark takes out of it.

    crosscheck.py CAPTURE...      exit 1 and one line for each frame on which they differ

Per frame: addresses, ports, sequence number, SYN, payload. How the payloads are then put together
is checked elsewhere: against what the endpoints received (the recording scripts) and against what went into
the frames (synthesize.py).
"""

import os
import subprocess
import sys

import answers

# Captures that tshark does not read as meant, and why.
EXPECTED = {
    "ipv6-chain.pcap": "tshark stops at a mobility header",
    "ipv6-mobility.pcap": "tshark stops at a mobility header",
    "ipv6-length-zero.pcap": "tshark knows length 0 for IPv4 only",
    "link-loop-be.pcap": "tshark does not know Linux's AF_INET6 (10) here",
    "link-null-be.pcap": "tshark does not know Linux's AF_INET6 (10) here",
    "link-null-le.pcap": "tshark does not know Linux's AF_INET6 (10) here",
    "link-loop-le.pcap": "tshark reads LOOP in network byte order only",
    "other-protocols.pcap": "tshark lists segments whose data offset is impossible",
}
FIELDS = ["frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
          "tcp.seq_raw", "tcp.flags.syn", "tcp.payload"]


def by_tshark(path):
    command = ["tshark", "-n", "-r", path, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields"]
    for preference in ("ip.defragment:true", "ipv6.defragment:true", "tcp.desegment_tcp_streams:false",
                       "ip.check_checksum:false", "tcp.check_checksum:false", "ip.tso_support:true"):
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    found = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        number, *rest = (value.split(",")[0] for value in line.split("\t"))
        if not rest[6]:
            continue  # half a TCP header
        ends = [value for value in rest[:4] if value]
        found[int(number)] = (*ends, int(rest[4]), int(rest[5]), int(rest[6]), rest[7] in ("1", "True"),
                              bytes.fromhex(rest[8].replace(":", "")))
    return found


def segment(source, destination, tcp, length):
    answers.need(tcp, 20)
    header = (tcp[12] >> 4) * 4
    if header < 20 or header > length:
        raise answers.Reject("tcp-header")
    return (str(source), str(destination), int.from_bytes(tcp[:2], "big"), int.from_bytes(tcp[2:4], "big"),
            int.from_bytes(tcp[4:8], "big"), bool(tcp[13] & 2), tcp[header:])


def by_answers(path):
    found, fragments = {}, answers.Fragments(refuse=False)
    with open(path, "rb") as file:
        data = file.read()
    for number, record in enumerate(answers.packets(data), 1):
        if record is None:
            break
        link, _, frame = record
        try:
            datagram, _ = answers.link_to_ip(link, frame)
            found[number] = segment(*answers.ip_to_tcp(datagram, fragments))
        except answers.Reject:
            pass
    return found


def main(paths):
    bad = 0
    for path in paths:
        theirs, ours = by_tshark(path), by_answers(path)
        if list(theirs.values()) == list(ours.values()):
            continue  # where tshark counts other blocks as frames, only the numbers differ
        if os.path.basename(path) in EXPECTED:
            print("%s: differs as expected: %s" % (path, EXPECTED[os.path.basename(path)]))
            continue
        for number in sorted(set(theirs) | set(ours)):
            if theirs.get(number) != ours.get(number):
                bad += 1
                print("%s: frame %d: tshark %s, answers.py %s" % (path, number, theirs.get(number), ours.get(number)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
