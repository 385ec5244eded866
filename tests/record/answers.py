#!/usr/bin/env python3
"""Known answers for a capture: what each TCP flow of it carries, worked out without tapflow.

    answers.py CAPTURE...           write CAPTURE's answers to NAME.answers.json beside it
    answers.py --check CAPTURE...   compare with the NAME.answers.json beside it; exit 1 on a difference
    answers.py --extract DIR CAPTURE   write each flow's bytes to DIR (to compare with what an endpoint received)

Rules: offset 0 is the byte after the SYN or, where no SYN was seen, the lowest sequence number that
carried data. The first copy of a byte stays. Bytes never captured are zero up to the last byte
captured and are listed in `gaps` as [start, length]. A SYN with another initial sequence number
begins the next connection of those addresses and ports, unless it is the late SYN of data already
seen; so does a jump of more than 16 MiB, unless it leads back into what an earlier connection of
the same addresses and ports has carried (a stray retransmission). Checksums are not looked at. IP fragments are put together (`needs` then
names `ip-fragments`, and `flows_without_reassembly` holds what remains when they are refused).

Written to be read beside RFC 791, 8200 and 9293, not to be fast: it holds the whole capture in memory.
"""

import hashlib
import ipaddress
import json
import os
import struct
import sys

JUMP = 16 * 1024 * 1024
VLAN_TAGS = {0x8100, 0x88A8, 0x9100}
AF_INET6 = {10, 24, 28, 30}


# ---------------------------------------------------------------- capture files

def packets(data):
    """Yields (link type, time in ns, bytes) for each complete record, then None if one is cut short."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from pcapng_packets(data)
    else:
        yield from pcap_packets(data)


def pcap_packets(data):
    magics = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
    for order in "<>":
        magic = struct.unpack(order + "I", data[:4])[0]
        if magic in magics:
            unit, header = magics[magic]
            break
    else:
        raise ValueError("not a capture")
    link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
    at = 24
    while at + header <= len(data):
        whole, fraction, captured = struct.unpack(order + "III", data[at : at + 12])
        if at + header + captured > len(data):
            break
        at += header
        yield link, whole * 10**9 + fraction * unit, data[at : at + captured]
        at += captured
    if at < len(data):
        yield None


def pcapng_packets(data):
    order, interfaces, at = "<", [], 0
    while at + 12 <= len(data):
        kind = struct.unpack(order + "I", data[at : at + 4])[0]
        if kind == 0x0A0D0D0A:
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        length = struct.unpack(order + "I", data[at + 4 : at + 8])[0]
        if length < 12 or at + length > len(data):
            break
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            interfaces.append(pcapng_interface(body, order))
        elif kind == 6:
            number, high, low, captured = struct.unpack(order + "IIII", body[:16])
            if number < len(interfaces):
                link, _, to_ns = interfaces[number]
                yield link, to_ns((high << 32) | low), body[20 : 20 + captured]
        elif kind == 2:
            number, _, high, low, captured = struct.unpack(order + "HHIII", body[:16])
            if number < len(interfaces):
                link, _, to_ns = interfaces[number]
                yield link, to_ns((high << 32) | low), body[20 : 20 + captured]
        elif kind == 3 and interfaces:
            wire = struct.unpack(order + "I", body[:4])[0]
            link, snap, _ = interfaces[0]
            captured = min(wire, snap or wire, len(body) - 4)
            yield link, 0, body[4 : 4 + captured]
        at += (length + 3) & ~3
    if at < len(data):
        yield None


def pcapng_interface(body, order):
    link, _, snap = struct.unpack(order + "HHI", body[:8])
    per_second, offset, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack(order + "HH", body[at : at + 4])
        value = body[at + 4 : at + 4 + length]
        if code == 9 and length == 1:
            per_second = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and length == 8:
            offset = struct.unpack(order + "q", value)[0]
        elif code == 0:
            break
        at += 4 + ((length + 3) & ~3)
    return link, snap, lambda ticks: offset * 10**9 + ticks * 10**9 // per_second


# ---------------------------------------------------------------- link layers

class Reject(Exception):
    """Why a frame gives no TCP segment; the message is the key under `rejected`."""


def link_to_ip(link, frame):
    """The IP datagram of a frame (with padding, if any) and the VLAN numbers before it."""
    if link == 1:
        return ethernet(frame)
    if link in (12, 14, 101):
        return frame, []
    if link == 228:
        return expect_version(frame, 4), []
    if link == 229:
        return expect_version(frame, 6), []
    if link in (0, 108):
        need(frame, 4)
        for order in "<>":
            family = struct.unpack(order + "I", frame[:4])[0]
            if family == 2 or family in AF_INET6:
                return frame[4:], []
        raise Reject("not-ip")
    if link == 113:
        need(frame, 16)
        return ethertype(int.from_bytes(frame[14:16], "big"), frame[16:], [])
    if link == 276:
        need(frame, 20)
        return ethertype(int.from_bytes(frame[:2], "big"), frame[20:], [])
    if link in (9, 50):
        return ppp(frame), []
    if link == 51:
        return pppoe(frame), []
    if link == 242:
        need(frame, 44)
        return ethertype(int.from_bytes(frame[40:42], "big"), frame[44:], [])
    raise Reject("link-type")


def need(data, count):
    if len(data) < count:
        raise Reject("truncated")


def expect_version(datagram, version):
    need(datagram, 1)
    if datagram[0] >> 4 != version:
        raise Reject("not-ip")
    return datagram


def ethernet(frame):
    need(frame, 14)
    return ethertype(int.from_bytes(frame[12:14], "big"), frame[14:], [])


def ethertype(kind, rest, vlans):
    while kind in VLAN_TAGS:
        need(rest, 4)
        vlans.append(int.from_bytes(rest[:2], "big") & 0xFFF)
        kind, rest = int.from_bytes(rest[2:4], "big"), rest[4:]
    if kind <= 1500:  # IEEE 802.3 length; then LLC and SNAP (RFC 1042)
        rest = rest[:kind]
        need(rest, 3)
        if rest[:3] == b"\xaa\xaa\x03":
            need(rest, 8)
            if rest[3:6] not in (b"\0\0\0", b"\0\0\xf8"):
                raise Reject("not-ip")
            return ethertype(int.from_bytes(rest[6:8], "big"), rest[8:], vlans)
        raise Reject("not-ip")
    if kind == 0x0800:
        return expect_version(rest, 4), vlans
    if kind == 0x86DD:
        return expect_version(rest, 6), vlans
    if kind == 0x8864:
        return pppoe(rest), vlans
    raise Reject("not-ip")


def pppoe(rest):
    need(rest, 6)
    if rest[0] != 0x11 or rest[1] != 0:
        raise Reject("not-ip")
    return ppp(rest[6 : 6 + int.from_bytes(rest[4:6], "big")])


def ppp(rest):
    need(rest, 2)
    if rest[:2] in (b"\xff\x03", b"\x0f\x00", b"\x8f\x00"):  # HDLC or Cisco address and control
        rest = rest[2:]
        need(rest, 2)
    if rest[0] & 1:  # protocol field compression (RFC 1661, 6.5)
        protocol, rest = rest[0], rest[1:]
    else:
        protocol, rest = int.from_bytes(rest[:2], "big"), rest[2:]
    if protocol in (0x0021, 0x0057):
        return rest
    raise Reject("not-ip")


# ---------------------------------------------------------------- IP

class Fragments:
    """Puts IP datagrams together; with `refuse`, rejects every real fragment."""

    def __init__(self, refuse):
        self.refuse, self.parts, self.seen = refuse, {}, 0

    def add(self, key, offset, more, data):
        self.seen += 1
        if self.refuse:
            raise Reject("fragment")
        parts = self.parts.setdefault(key, {"bytes": {}, "end": None})
        for index, byte in enumerate(data):
            parts["bytes"].setdefault(offset + index, byte)
        if not more:
            parts["end"] = offset + len(data)
        if parts["end"] is None or any(i not in parts["bytes"] for i in range(parts["end"])):
            raise Reject("fragment-held")
        del self.parts[key]
        return bytes(parts["bytes"][i] for i in range(parts["end"]))


def ip_to_tcp(datagram, fragments):
    """(source, destination, captured TCP bytes, TCP length by the IP header)."""
    need(datagram, 1)
    version = datagram[0] >> 4
    if version == 4:
        return ipv4(datagram, fragments)
    if version == 6:
        return ipv6(datagram, fragments)
    raise Reject("not-ip")


def ipv4(datagram, fragments):
    need(datagram, 20)
    header = (datagram[0] & 15) * 4
    total, ident, flags = struct.unpack(">HHH", datagram[2:8])
    if header < 20 or (total and total < header):
        raise Reject("ip-header")
    total = total or len(datagram)  # 0: segmentation offload, the length is what was captured
    need(datagram, header)
    protocol = datagram[9]
    source, destination = datagram[12:16], datagram[16:20]
    rest, length = datagram[header:total], total - header
    if flags & 0x3FFF:
        key = (source, destination, protocol, ident)
        rest = fragments.add(key, (flags & 0x1FFF) * 8, bool(flags & 0x2000), rest)
        length = len(rest)
    if protocol != 6:
        raise Reject("not-tcp")
    return ipaddress.IPv4Address(source), ipaddress.IPv4Address(destination), rest, length


def ipv6(datagram, fragments):
    need(datagram, 40)
    length, following = struct.unpack(">HB", datagram[4:7])
    source, destination = datagram[8:24], datagram[24:40]
    length = length or len(datagram) - 40
    rest = datagram[40 : 40 + length]
    while following != 6:
        if following in (0, 43, 60, 135):  # hop-by-hop, routing, destination, mobility
            need(rest, 2)
            size = (rest[1] + 1) * 8
        elif following == 51:  # authentication: length in 32-bit words minus 2
            need(rest, 2)
            size = (rest[1] + 2) * 4
        elif following == 44:
            need(rest, 8)
            field, ident = struct.unpack(">HI", rest[2:8])
            size = 8
            if field & 0xFFF9:
                key = (source, destination, ident)
                after = rest[0]
                rest = b"\0" * 8 + fragments.add(key, field & 0xFFF8, bool(field & 1), rest[8:])
                rest = bytes([after]) + rest[1:]
                length = len(rest)
        else:
            raise Reject("not-tcp")
        need(rest, size)
        following, rest, length = rest[0], rest[size:], length - size
    return ipaddress.IPv6Address(source), ipaddress.IPv6Address(destination), rest, length


# ---------------------------------------------------------------- TCP

class Flow:
    """One direction of one connection: its segments in order of arrival, with unwrapped numbers."""

    def __init__(self):
        self.segments = []  # (number, captured payload); numbers are 64-bit, first seen is 2**32 + seq
        self.near = None  # the last number seen: 32-bit sequence numbers are unwrapped near it
        self.first_data, self.end = None, 0
        self.base = None  # number of the byte after the SYN
        self.times, self.count, self.vlans = [], 0, []

    def unwrap(self, seq):
        if self.near is None:
            return (1 << 32) + seq
        return self.near + ((seq - self.near + (1 << 31)) % (1 << 32) - (1 << 31))


class Connections:
    def __init__(self):
        self.history, self.flows = {}, []

    def flow(self, key, fresh=False):
        """The flow of `key` (source, sport, destination, dport) in its present connection."""
        history = self.history.setdefault(frozenset((key[:2], key[2:])), [])
        if fresh or not history:
            history.append({})
        if key not in history[-1]:
            history[-1][key] = Flow()
            self.flows.append((key, len(history) - 1, history[-1][key]))
        return history[-1][key]

    def stray(self, key, seq, length):
        """The flow, latest first, whose span of numbers so far holds all of a segment; or None."""
        for both in reversed(self.history[frozenset((key[:2], key[2:]))]):
            flow = both.get(key)
            if flow and flow.segments:
                number = flow.unwrap(seq)
                first = flow.first_data if flow.base is None else flow.base
                if first <= number and number + length <= flow.end:
                    return flow
        return None

    def segment(self, source, destination, tcp, length, time, vlans):
        need(tcp, 20)
        sport, dport, seq, _, offset, flags = struct.unpack(">HHIIBB", tcp[:14])
        header = (offset >> 4) * 4
        if header < 20 or header > length:
            raise Reject("tcp-header")
        payload = tcp[header:]
        key = (source, sport, destination, dport)
        flow = self.flow(key)
        syn = bool(flags & 2)
        number = flow.unwrap(seq) + syn  # number of the first payload byte
        if syn:
            if flow.base is not None and flow.base != number:
                flow = self.flow(key, fresh=True)
            elif flow.base is None and flow.first_data is not None:
                late = 0 <= flow.first_data - number <= JUMP
                if not late:
                    flow = self.flow(key, fresh=True)
            number = flow.unwrap(seq) + 1
            flow.base = number
        elif payload and (flow.near is None or abs(number - flow.near) > JUMP):
            strange = flow.near is not None
            old = self.stray(key, seq, len(payload))
            flow = old or (self.flow(key, fresh=True) if strange else flow)
            number = flow.unwrap(seq)
        if payload or syn:
            flow.near = number + len(payload)
        if payload:
            flow.segments.append((number, payload))
            flow.end = max(flow.end, number + len(payload))
            flow.first_data = number if flow.first_data is None else min(flow.first_data, number)
        flow.vlans = vlans
        flow.times.append(time)
        flow.count += 1


def assemble(flow, last=False):
    """(bytes, gaps, conflicting bytes) of a flow; `last` keeps the last copy of a byte instead."""
    base = flow.base if flow.base is not None else flow.first_data
    end = max((number + len(data) for number, data in flow.segments), default=base)
    size = max(0, end - base)
    stream, seen, differing = bytearray(size), bytearray(size), bytearray(size)
    for number, data in flow.segments:
        start = number - base
        if start < 0:
            data, start = data[-start:], 0
        if b"\1" not in seen[start : start + len(data)]:
            stream[start : start + len(data)] = data
            seen[start : start + len(data)] = b"\1" * len(data)
            continue
        for index, byte in enumerate(data, start):
            if seen[index] and stream[index] != byte:
                differing[index] = 1
            if last or not seen[index]:
                stream[index] = byte
            seen[index] = 1
    gaps, at = [], seen.find(b"\0")
    while at >= 0:
        stop = seen.find(b"\1", at)
        gaps.append([at, stop - at])
        at = seen.find(b"\0", stop)
    return bytes(stream), gaps, differing.count(1)


def seconds(ns):
    return "%d.%09d" % divmod(ns, 10**9)


def read(path, refuse_fragments=False):
    """(connections, what else the answers say about the whole capture) of a file."""
    with open(path, "rb") as file:
        data = file.read()
    connections, fragments = Connections(), Fragments(refuse_fragments)
    total, rejected, cut = 0, {}, False
    for record in packets(data):
        if record is None:
            cut = True
            break
        link, time, frame = record
        total += 1
        try:
            datagram, vlans = link_to_ip(link, frame)
            connections.segment(*ip_to_tcp(datagram, fragments), time, vlans)
        except Reject as reason:
            rejected[str(reason)] = rejected.get(str(reason), 0) + 1
    facts = {"needs": ["ip-fragments"] if fragments.seen else [], "packets": total, "cut": cut,
             "rejected": dict(sorted(rejected.items()))}
    return connections, facts


def describe(connections):
    result = []
    for (source, sport, destination, dport), connection, flow in connections.flows:
        stream, gaps, conflicting = assemble(flow) if flow.segments else (b"", [], 0)
        if not stream:
            continue
        entry = {
            "src": str(source), "sport": sport, "dst": str(destination), "dport": dport,
            "connection": connection, "vlan": flow.vlans,
            "first_time": seconds(flow.times[0]), "last_time": seconds(flow.times[-1]),
            "packets": flow.count, "syn": flow.base is not None,
            "length": len(stream), "sha256": hashlib.sha256(stream).hexdigest(),
            "md5": hashlib.md5(stream).hexdigest(),
            "gaps": gaps, "gap_bytes": sum(length for _, length in gaps),
        }
        if conflicting:
            entry["conflicting_bytes"] = conflicting
            entry["sha256_last"] = hashlib.sha256(assemble(flow, last=True)[0]).hexdigest()
        result.append(entry)
    return result


def answers(path):
    connections, result = read(path)
    result["flows"] = describe(connections)
    if result["needs"]:
        connections, refused = read(path, refuse_fragments=True)
        result["rejected"] = refused["rejected"]
        result["flows_without_reassembly"] = describe(connections)
    return result


def answer_path(capture):
    return os.path.splitext(capture)[0] + ".answers.json"


def dump(result):
    """One flow a line: small, and a change shows as one line of a diff."""
    head = {k: v for k, v in result.items() if not k.startswith("flows")}
    parts = ["%s: %s" % (json.dumps(k), json.dumps(v)) for k, v in head.items()]
    for name in ("flows", "flows_without_reassembly"):
        if name in result:
            lines = ",\n  ".join(json.dumps(flow) for flow in result[name])
            parts.append("%s: [%s]" % (json.dumps(name), "\n  " + lines + "\n" if lines else ""))
    return "{" + ",\n".join(parts) + "}\n"


def check(capture):
    """The differences between the answers beside a capture and ours, as lines of text."""
    with open(answer_path(capture), encoding="utf-8") as file:
        known = json.load(file)
    ours = answers(capture)

    def index(flows):
        return {(f["src"], f["sport"], f["dst"], f["dport"], f["connection"]):
                (f["length"], f["sha256"], f["gaps"]) for f in flows}

    a, b = index(known["flows"]), index(ours["flows"])
    return ["%s: known %s, found %s" % (key, a.get(key), b.get(key))
            for key in sorted(set(a) | set(b), key=str) if a.get(key) != b.get(key)]


def main(arguments):
    if arguments[:1] == ["--check"]:
        bad = 0
        for capture in arguments[1:]:
            for line in check(capture):
                bad += 1
                print("%s: %s" % (capture, line))
        return 1 if bad else 0
    if arguments[:1] == ["--extract"] and len(arguments) == 3:
        connections = read(arguments[2])[0]
        for (source, sport, destination, dport), connection, flow in connections.flows:
            stream = assemble(flow)[0] if flow.segments else b""
            if stream:
                name = "%s.%d-%s.%d-%d" % (source, sport, destination, dport, connection)
                with open(os.path.join(arguments[1], name.replace(":", "_")), "wb") as file:
                    file.write(stream)
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    for capture in arguments:
        with open(answer_path(capture), "w", encoding="utf-8") as file:
            file.write(dump(answers(capture)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
