#!/usr/bin/env python3
"""Makes the captures of tests/data that no network gives on demand, always the same bytes.

    synthesize.py [DIR]      write every capture and its answers to DIR (default ../data)
    synthesize.py --list     name and purpose of each, as a Markdown table

Each scenario states the bytes it put into each flow; the answers are worked out by answers.py from
the finished file, and the two must agree. Addresses are those kept for documentation (RFC 5737,
RFC 3849); time begins on 2024-01-01 00:00:00 UTC and each packet comes 1.000123 ms after the last.
"""

import hashlib
import ipaddress
import os
import struct
import sys
import zlib

import answers
from craft import (
    ACK, CLIENT4, CLIENT6, FIN, MAC_A, MAC_B, PSH, REPLY, REQUEST, RST, SERVER4, SERVER6, SYN, URG,
    Talk, block, both_families, enhanced, ethernet, interface, ip4, ip6, micros, option, pcap, plain_ip,
    ppp, pppoe, pppoe_session, section, sll, sll2, snap, tcp_segment, text, times, v4, v6, with_extensions,
)

SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


# ---------------------------------------------------------------- scenarios: link types

def on_link(name, link, wrap, purpose, families="46"):
    def make():
        if families == "46":
            out, flows = both_families()
        else:
            out, talk = (v4 if families == "4" else v6)()
            flows = talk.whole().flows()
        return pcap([wrap(datagram) for datagram in out], link), flows
    make.__name__, make.__doc__ = "link_" + name, purpose
    SCENARIOS.append(make)


on_link("ethernet", 1, ethernet, "Ethernet, no tag")
on_link("vlan_1", 1, lambda d: ethernet(d, [(0x8100, 5)]), "one 802.1Q tag (VLAN 5)")
on_link("vlan_priority", 1, lambda d: ethernet(d, [(0x8100, 0xF064)]),
        "one 802.1Q tag with priority 7 and the drop bit beside VLAN 100")
on_link("vlan_2", 1, lambda d: ethernet(d, [(0x88A8, 100), (0x8100, 5)]), "802.1ad tag 100, 802.1Q tag 5")
on_link("vlan_3", 1, lambda d: ethernet(d, [(0x9100, 300), (0x88A8, 200), (0x8100, 5)]),
        "three tags: 0x9100 (300), 802.1ad (200), 802.1Q (5)")
on_link("llc_snap", 1, snap, "IEEE 802.3 length, LLC and SNAP (RFC 1042)")
on_link("raw_12", 12, bytes, "raw IP, link type 12")
on_link("raw_14", 14, bytes, "raw IP, link type 14")
on_link("raw_101", 101, bytes, "raw IP, link type 101")
on_link("ipv4_228", 228, bytes, "raw IPv4, link type 228", "4")
on_link("ipv6_229", 229, bytes, "raw IPv6, link type 229", "6")
on_link("sll", 113, sll, "Linux cooked capture, version 1")
on_link("sll_vlan", 113, lambda d: sll(d, [(0x8100, 5)]), "Linux cooked capture, version 1, with an 802.1Q tag")
on_link("sll2", 276, sll2, "Linux cooked capture, version 2")
on_link("ppp", 9, ppp, "PPP without address and control field")
on_link("ppp_hdlc", 9, lambda d: ppp(d, b"\xff\x03"), "PPP with address and control field")
on_link("ppp_compressed", 9, lambda d: ppp(d, short=True), "PPP with a one-byte protocol field (RFC 1661, 6.5)")
on_link("ppp_hdlc_50", 50, lambda d: ppp(d, b"\xff\x03"), "PPP in HDLC-like framing, link type 50")
on_link("pppoe", 1, pppoe, "PPP over Ethernet session frames")
on_link("pppoe_vlan", 1, lambda d: pppoe(d, [(0x8100, 7)]), "PPP over Ethernet inside VLAN 7")
on_link("ppp_ether_51", 51, pppoe_session, "PPP over Ethernet without the Ethernet header, link type 51")


def on_null(name, link, order, purpose):
    def make():
        frames, flows = [], []
        for port, family in enumerate((2, 24, 28, 30, 10), 40000):
            out = []
            talk = Talk(out) if family == 2 else Talk(out, (CLIENT6[0], port), SERVER6)
            flows += talk.whole().flows()
            frames += [struct.pack(order + "I", family) + datagram for datagram in out]
        return pcap(frames, link), flows
    make.__name__, make.__doc__ = "link_" + name, purpose
    SCENARIOS.append(make)


FAMILIES = ", AF_INET and AF_INET6 as 24 (NetBSD, OpenBSD), 28 (FreeBSD), 30 (Darwin), 10 (Linux)"
on_null("null_le", 0, "<", "BSD loopback (NULL), little-endian family" + FAMILIES)
on_null("null_be", 0, ">", "BSD loopback (NULL), big-endian family" + FAMILIES)
on_null("loop_be", 108, ">", "OpenBSD loopback (LOOP), network byte order" + FAMILIES)
on_null("loop_le", 108, "<", "OpenBSD loopback (LOOP), wrong byte order" + FAMILIES)


# ---------------------------------------------------------------- scenarios: IP

@scenario
def ipv4_options():
    """IPv4 with options: router alert, and 40 bytes of record route"""
    out = []
    lengths = iter([b"\x94\x04\0\0", b"\x07\x27\x04" + b"\0" * 36 + b"\0", b""] * 9)
    talk = Talk(out, wrap=lambda a, b, s: ip4(a, b, s, options=next(lengths))).whole()
    return pcap([ethernet(d) for d in out]), talk.flows()


HOP = (0, b"\x00\x05\x02\x00\x00\x01\x00")
ROUTE = (43, b"\x02\x02\x00" + b"\0" * 4 + ipaddress.ip_address("2001:db8::9").packed)
DESTINATION = (60, b"\x00\x01\x04\0\0\0\0")
ATOMIC = (44, b"\0\0\0\0\0\x12\x34")
AUTHENTICATION = (51, b"\x04\0\0\0\0\x01\0\0\0\0\x01" + b"\x5a" * 12)
MOBILITY = (135, b"\x00\x05\0\0\0\0\0")


def with_ipv6(name, purpose, *chain):
    def make():
        out, talk = v6(wrap=with_extensions(*chain))
        return pcap([ethernet(d) for d in out or talk.whole().out]), talk.flows()
    make.__name__, make.__doc__ = "ipv6_" + name, purpose
    SCENARIOS.append(make)


with_ipv6("hop_by_hop", "IPv6 with a hop-by-hop header", HOP)
with_ipv6("routing", "IPv6 with a routing header, no segments left", ROUTE)
with_ipv6("destination", "IPv6 with a destination options header", DESTINATION)
with_ipv6("atomic_fragment", "IPv6 with a fragment header of offset 0 and no more to come (RFC 6946): not a fragment", ATOMIC)
with_ipv6("authentication", "IPv6 with an authentication header", AUTHENTICATION)
with_ipv6("mobility", "IPv6 with a mobility header", MOBILITY)
with_ipv6("chain", "IPv6 with all of these one after the other", HOP, DESTINATION, ROUTE, ATOMIC,
          AUTHENTICATION, DESTINATION, MOBILITY)


@scenario
def ethernet_padding():
    """short frames padded to 60 bytes with bytes that are not zero, one with a frame check sequence behind it"""
    out, talk = v4()
    talk.open().send(0, b"a").send(1, b"bc").send(0, b"def").raw(1, ACK, 2).send(1, b"ghij").close()
    frames = [ethernet(d) for d in out]
    frames = [f + b"PADDING!"[: max(0, 60 - len(f))] + b"\xde\xad\xbe\xef" * (i == 4) for i, f in enumerate(frames)]
    return pcap(frames), talk.flows()


@scenario
def ipv4_length_zero():
    """IPv4 total length 0, as segmentation offload leaves it: what was captured counts"""
    out, talk = v4(wrap=lambda a, b, s: ip4(a, b, s, total=0))
    talk.open().send(0, REQUEST).send(1, text(1500)).close()
    return pcap([ethernet(d) for d in out]), talk.flows()


@scenario
def ipv6_length_zero():
    """the same for IPv6: payload length 0 without a jumbo payload option"""
    out, talk = v6(wrap=lambda a, b, s: ip6(a, b, s, length=0))
    talk.open().send(0, REQUEST).send(1, text(1500)).close()
    return pcap([ethernet(d) for d in out]), talk.flows()


@scenario
def truncated_segments():
    """a capture with snap length 96: each long segment keeps its first bytes; what was cut off is a gap"""
    out, talk = v4()
    talk.open().send(0, REQUEST).send(1, text(500)).send(1, text(20, "b")).send(1, text(400, "c")).close()
    frames = [ethernet(d) for d in out]
    kept = 96 - 54
    stream = text(500)[:kept] + b"\0" * (500 - kept) + text(20, "b") + text(400, "c")[:kept]
    return (pcap([(f[:96], len(f)) for f in frames], snaplen=96),
            [talk.flow(0, REQUEST[:kept]), talk.flow(1, stream, [(kept, 500 - kept)])])


def fragments4(datagram, size):
    body, out = datagram[20:], []
    source, destination = (str(ipaddress.ip_address(datagram[a : a + 4])) for a in (12, 16))
    for at in range(0, len(body), size):
        more = 0x2000 if at + size < len(body) else 0
        out.append(ip4(source, destination, body[at : at + size], ident=77, flags=more | at // 8))
    return out


def fragments6(datagram, size):
    body, out = datagram[40:], []
    source, destination = (str(ipaddress.ip_address(datagram[a : a + 16])) for a in (8, 24))
    for at in range(0, len(body), size):
        head = struct.pack(">BBHI", 6, 0, at | (at + size < len(body)), 99)
        out.append(ip6(source, destination, head + body[at : at + size], following=44))
    return out


@scenario
def fragments_ipv4():
    """the second of three IPv4 segments of each direction comes in three fragments, one of them late"""
    out, talk = v4()
    talk.open().send(0, text(60)).send(0, text(200, "b")).send(1, text(40, "c"))
    pieces = fragments4(out.pop(4), 96)
    out[4:4] = [pieces[0], pieces[2]]
    out.append(pieces[1])
    talk.send(0, text(30, "d")).close()
    return pcap([ethernet(d) for d in out]), talk.flows()


@scenario
def fragments_ipv6():
    """one IPv6 segment in three fragments"""
    out, talk = v6()
    talk.open().send(0, text(60)).send(0, text(200, "b")).send(1, text(40, "c"))
    out[4:5] = fragments6(out[4], 96)
    talk.send(0, text(30, "d")).close()
    return pcap([ethernet(d) for d in out]), talk.flows()


@scenario
def other_protocols():
    """ARP, UDP, ICMP quoting a TCP segment, IPv6 ICMP, an unknown EtherType and broken headers around one connection"""
    out, talk = v4()
    talk.whole()
    quoted = ip4(SERVER4[0], CLIENT4[0], b"\x03\x01\0\0\0\0\0\0" + out[3][:48], protocol=1)
    data = tcp_segment(CLIENT4, SERVER4, 9999, 0, ACK, b"never")
    strange = [
        MAC_B + MAC_A + b"\x08\x06" + bytes.fromhex("0001080006040001") + b"\0" * 20,
        ethernet(ip4(CLIENT4[0], SERVER4[0], struct.pack(">HHHH", 5353, 53, 12, 0) + b"data", protocol=17)),
        ethernet(quoted),
        ethernet(ip6(CLIENT6[0], SERVER6[0], b"\x80\0\0\0\0\0\0\0", following=58)),
        ethernet(ip6(CLIENT6[0], SERVER6[0], b"", following=59)),
        MAC_B + MAC_A + b"\x88\xcc" + b"lldp",
        ethernet(ip4(CLIENT4[0], SERVER4[0], data[:12] + b"\x40" + data[13:])),  # data offset 4 words
        ethernet(ip4(CLIENT4[0], SERVER4[0], data[:12] + b"\xf0" + data[13:])),  # header past the end
        ethernet(ip4(CLIENT4[0], SERVER4[0], data[:12])),  # half a TCP header
        ethernet(b"\x44" + ip4(CLIENT4[0], SERVER4[0], data)[1:]),  # IP header of 4 words
        ethernet(ip4(CLIENT4[0], SERVER4[0], data, total=19)),  # IP length below its header
        ethernet(b"\x55" + ip4(CLIENT4[0], SERVER4[0], data)[1:])[:12] + b"\x08\x00" + b"\x55" + b"\0" * 40,
        b"",
        MAC_B,
        MAC_B + MAC_A + b"\x81\x00\x00",
    ]
    frames = [ethernet(d) for d in out]
    return pcap(frames[:3] + strange + frames[3:]), talk.flows()


# ---------------------------------------------------------------- scenarios: TCP

def tcp_scenario(function):
    """For a scenario that returns datagrams: they go into an Ethernet capture."""
    def make():
        out, flows = function()
        return pcap([ethernet(d) for d in out]), flows
    make.__name__, make.__doc__ = "tcp_" + function.__name__, function.__doc__
    SCENARIOS.append(make)


@tcp_scenario
def out_of_order():
    """segments that arrive as 0 3 1 2 5 4, and one that comes after the FIN"""
    out, talk = v4()
    talk.open().send(0, REQUEST)
    data = text(700)
    for index in (0, 3, 1, 2, 5, 4):
        talk.raw(1, PSH | ACK, index * 100, data[index * 100 : index * 100 + 100])
    talk.raw(1, FIN | ACK, 700).raw(1, PSH | ACK, 600, data[600:]).raw(0, ACK, len(REQUEST))
    return out, [talk.flow(0), talk.flow(1, data)]


@tcp_scenario
def duplicates():
    """every segment twice, SYN and FIN too"""
    out, talk = v4()
    talk.whole()
    return [d for datagram in out for d in (datagram, datagram)], talk.flows()


@tcp_scenario
def overlap():
    """retransmissions with other boundaries: front, back, inside, around and across two islands"""
    out, talk = v4()
    talk.open()
    data = text(1000)
    for a, b in ((0, 100), (50, 150), (300, 400), (320, 350), (250, 450), (600, 700), (800, 900),
                 (440, 820), (0, 900), (140, 260), (890, 1000)):
        talk.raw(0, PSH | ACK, a, data[a:b])
    return out, [talk.flow(0, data)]


@tcp_scenario
def conflict():
    """retransmissions with other content: the first copy stays, the others are reported"""
    out, talk = v4()
    talk.open().put(0, 0, text(100)).put(0, 20, text(40, "X")).put(0, 80, text(60, "Y"))
    talk.raw(0, PSH | ACK, 200, text(50, "z")).raw(0, PSH | ACK, 140, text(80, "W")).raw(0, PSH | ACK, 0, text(250, "V"))
    stream = text(100) + text(60, "Y")[20:] + text(80, "W")[:60] + text(50, "z")
    return out, [talk.flow(0, stream)]


@tcp_scenario
def keepalive_byte():
    """keepalive probes as old BSD sends them, with one garbage byte before the next one, also before any data"""
    out, talk = v4()
    talk.open().raw(0, ACK, -1, b"\0").raw(1, ACK, 0).send(0, text(30)).send(1, text(40, "b"))
    talk.raw(0, ACK, 29, b"\0").raw(1, ACK, 40).raw(1, ACK, 39, b"\0").raw(0, ACK, 30)
    talk.raw(0, ACK, 29).raw(1, ACK, 40).send(0, text(20, "c")).close()
    return out, talk.flows()


@tcp_scenario
def sequence_wrap():
    """the client's numbers pass 2^32 in the third segment, the server's in the first; segments around the wrap change places"""
    out, talk = v4(isn=(2**32 - 251, 2**32 - 11))
    talk.open()
    data = text(500)
    for at in (0, 100, 300, 200, 400):
        talk.raw(0, PSH | ACK, at, data[at : at + 100])
    talk.streams[0] += data
    talk.send(1, text(90, "b")).close()
    return out, talk.flows()


@tcp_scenario
def syn_at_wrap():
    """initial numbers 2^32-1 and 2^32-2: the first byte is number 0, the second byte is number 0"""
    out, talk = v4(isn=(2**32 - 1, 2**32 - 2))
    return out, talk.whole().flows()


@tcp_scenario
def no_syn():
    """a capture that begins in the middle, in both directions"""
    out, talk = v4()
    talk.send(1, text(100)).send(0, text(50, "b")).send(1, text(100, "c")).send(0, text(50, "d")).close()
    return out, talk.flows()


@tcp_scenario
def no_syn_earlier_bytes():
    """no SYN, and bytes that come before the first one seen arrive later, twice, the second time with a hole between"""
    out, talk = v4()
    data = text(600)
    for a, b in ((300, 400), (200, 300), (400, 500), (0, 100), (100, 200), (500, 600)):
        talk.raw(0, PSH | ACK, a, data[a:b])
    return out, [talk.flow(0, data)]


@tcp_scenario
def no_syn_wrap():
    """no SYN, first byte seen is number 50, and 100 bytes before it (below 2^32) arrive later"""
    out, talk = v4(isn=(2**32 - 151, 500000))
    data = text(300)
    for a, b in ((200, 300), (100, 200), (0, 100)):
        talk.raw(0, PSH | ACK, a, data[a:b])
    return out, [talk.flow(0, data)]


@tcp_scenario
def late_syn():
    """the SYN and the SYN with ACK arrive after data of their direction"""
    out, talk = v4()
    talk.raw(1, SYN | ACK, -1).send(0, text(80)).raw(0, SYN, -1).send(1, text(70, "b")).send(0, text(60, "c")).close()
    out[0:1], out[4:4] = [], out[0:1]
    return out, talk.flows()


@tcp_scenario
def holes():
    """bytes that were never captured, some of them acknowledged; one hole at the start, one cut by a late segment"""
    out, talk = v4()
    data = text(2000)
    talk.open()
    for a, b in ((100, 200), (300, 400), (700, 800), (500, 600), (1900, 2000)):
        talk.raw(0, PSH | ACK, a, data[a:b])
    talk.streams[0] += data
    talk.raw(1, ACK, 0).close()
    gaps = [(0, 100), (200, 100), (400, 100), (600, 100), (800, 1100)]
    stream = bytearray(data)
    for start, length in gaps:
        stream[start : start + length] = b"\0" * length
    return out, [talk.flow(0, stream, gaps)]


@tcp_scenario
def jump_below():
    """a hole of a little less than 16 MiB: still one stream"""
    out, talk = v4()
    far = 2**24 - 1000
    talk.open().send(0, text(100)).raw(0, PSH | ACK, far, text(50, "b"))
    return out, [talk.flow(0, text(100) + b"\0" * (far - 100) + text(50, "b"), [(100, far - 100)])]


@tcp_scenario
def jump():
    """a jump of more than 16 MiB begins the next connection"""
    out, talk = v4()
    far = 2**24 + 5000
    talk.open().send(0, text(100)).send(1, text(60, "s"))
    talk.raw(0, PSH | ACK, far, text(50, "b")).raw(0, PSH | ACK, far + 50, text(50, "c"))
    after = Talk([], connection=1)
    return out, [talk.flow(0), talk.flow(1), after.flow(0, text(50, "b") + text(50, "c"))]


@tcp_scenario
def port_reuse():
    """the same addresses and ports three times: after FIN, after RST, and without any end"""
    out = []
    first = Talk(out, isn=(1000, 500000)).whole()
    second = Talk(out, isn=(90000000, 70000000), connection=1).open().send(0, text(40)).send(1, text(30, "b"))
    second.raw(0, RST | ACK, 40)
    third = Talk(out, isn=(2500000000, 3500000000), connection=2).open().send(0, text(20, "c"))
    fourth = Talk(out, isn=(3900000000, 100000), connection=3).whole()
    return out, [flow for talk in (first, second, third, fourth) for flow in talk.flows()]


@tcp_scenario
def port_reuse_close():
    """port reuse where the new initial number lies just behind the old connection's last one, as RFC 6191 allows"""
    out = []
    first = Talk(out).whole()
    isn = (1000 + len(first.streams[0]) + 200, 500000 + len(first.streams[1]) + 300)
    second = Talk(out, isn=isn, connection=1).open().send(0, text(40)).send(1, text(30, "b")).close()
    return out, first.flows() + second.flows()


@tcp_scenario
def stray_after_close():
    """retransmissions of data and FIN after both sides have closed: no new connection, nothing changes"""
    out, talk = v4()
    talk.whole()
    talk.raw(1, PSH | ACK, 0, REPLY).raw(1, FIN | ACK, len(REPLY)).raw(0, ACK, len(REQUEST) + 1)
    talk.raw(0, PSH | ACK, 10, b"#" * 10).raw(0, FIN | ACK, len(REQUEST))
    return out, talk.flows()


@tcp_scenario
def stray_after_reuse():
    """a retransmission of the first connection arrives after the same ports were opened again"""
    out = []
    first = Talk(out, isn=(1000, 500000)).whole()
    second = Talk(out, isn=(90000000, 70000000), connection=1).open().send(0, text(40))
    first.raw(1, PSH | ACK, 0, REPLY)
    second.send(1, text(30, "b")).close()
    return out, first.flows() + second.flows()


@tcp_scenario
def fast_open():
    """data in the SYN and in the SYN with ACK (RFC 7413), the SYN repeated without data"""
    out, talk = v4()
    talk.raw(0, SYN, -1, text(40), b"\x22\x0a" + b"cookiesX")
    talk.streams[0] += text(40)
    talk.raw(0, SYN, -1)
    talk.raw(1, SYN | ACK, -1, text(30, "b"))
    talk.streams[1] += text(30, "b")
    talk.raw(0, ACK, 40).send(0, text(20, "c")).send(1, text(20, "d")).close()
    return out, talk.flows()


@tcp_scenario
def data_in_fin():
    """the last bytes of both directions travel in the FIN segments"""
    out, talk = v4()
    talk.open().send(0, text(40)).send(0, text(30, "b"), FIN | PSH | ACK)
    talk.fins[0] = 1
    talk.send(1, text(40, "c"), FIN | PSH | ACK).raw(0, ACK, 71)
    return out, talk.flows()


@tcp_scenario
def half_close():
    """the client closes first; the server goes on sending long after"""
    out, talk = v4()
    talk.open().send(0, REQUEST).raw(0, FIN | ACK, len(REQUEST))
    talk.fins[0] = 1
    for mark in "abcd":
        talk.send(1, text(200, mark)).raw(0, ACK, len(REQUEST) + 1)
    talk.raw(1, FIN | ACK, 800)
    return out, talk.flows()


@tcp_scenario
def refused():
    """a SYN answered by RST, and a SYN without answer: no data, no file"""
    out = []
    Talk(out).raw(0, SYN, -1).raw(1, RST | ACK, -1)
    Talk(out, ("192.0.2.1", 40001)).raw(0, SYN, -1).raw(0, SYN, -1)
    return out, []


@tcp_scenario
def reset_out_of_window():
    """a forged RST far from the window closes nothing; a later one that fits does"""
    out, talk = v4()
    talk.open().send(0, text(40)).raw(1, RST, 900000000).send(1, text(50, "b")).send(0, text(60, "c"))
    talk.raw(1, RST | ACK, 50)
    return out, talk.flows()


@tcp_scenario
def simultaneous_open():
    """both sides send SYN before either has seen the other's (RFC 9293, figure 7)"""
    out, talk = v4()
    talk.raw(0, SYN, -1).raw(1, SYN, -1).raw(0, SYN | ACK, -1).raw(1, SYN | ACK, -1)
    return out, talk.dialog().close().flows()


@tcp_scenario
def urgent():
    """urgent data stays in the stream where it was"""
    out, talk = v4()
    talk.open().send(0, text(40)).send(0, text(3, "u"), URG | PSH | ACK).send(0, text(30, "b")).close()
    return out, talk.flows()


@tcp_scenario
def options():
    """timestamps and selective acknowledgements in every data segment, and the full 40 bytes of options"""
    out, talk = v4()
    stamp = b"\x01\x01\x08\x0a" + b"\0\0\0\x01\0\0\0\x02"
    sack = stamp + b"\x01\x01\x05\x0a" + struct.pack(">II", 500101, 500201)
    talk.open().send(0, text(70), options=stamp).send(1, text(60, "b"), options=sack)
    talk.send(0, text(50, "c"), options=b"\x01" * 40).close()
    return out, talk.flows()


@tcp_scenario
def bad_checksum():
    """checksums left to the network card: every one is wrong, the data count"""
    def wrap(source, destination, segment):
        return plain_ip(source, destination, segment[:16] + b"\xba\xad" + segment[18:])
    out, talk = v4(wrap=wrap)
    return out, talk.whole().flows()


@tcp_scenario
def many_flows():
    """520 connections of two segments: more than 1000 flow numbers, and directories by number"""
    out, flows = [], []
    for index in range(520):
        talk = Talk(out, ("192.0.2.%d" % (index % 200 + 1), 30000 + index)).send(0, b"ask %d" % index)
        flows += talk.send(1, b"answer %d" % index).flows()
    return out, flows


# ---------------------------------------------------------------- scenarios: files

def small():
    out, flows = both_families()
    return [ethernet(d) for d in out], flows


def on_file(name, purpose, **how):
    def make():
        frames, flows = small()
        return pcap(frames, **how), flows
    make.__name__, make.__doc__ = "file_" + name, purpose
    SCENARIOS.append(make)


on_file("le_nano", "pcap, little-endian, nanoseconds", nano=True)
on_file("be_micro", "pcap, big-endian, microseconds", order=">")
on_file("be_nano", "pcap, big-endian, nanoseconds", order=">", nano=True)
on_file("modified_le", "pcap with the longer record header of Kuznetsov's libpcap", modified=True)
on_file("modified_be", "the same, big-endian", order=">", modified=True)


@scenario
def file_fcs_length():
    """pcap whose link type field also says that each frame ends in 4 bytes of check sequence"""
    frames, flows = small()
    return pcap([f + struct.pack("<I", zlib.crc32(f)) for f in frames], link=0x24000001), flows


@scenario
def file_cut_record():
    """pcap that ends in the middle of the record of the last data segment; what came before counts"""
    out, talk = v4()
    talk.open().send(0, REQUEST).send(1, text(100)).send(1, text(100, "b"))
    return pcap([ethernet(d) for d in out])[:-30], [talk.flow(0), talk.flow(1, text(100))]


@scenario
def file_cut_header():
    """pcap that ends in the middle of a record header"""
    out, talk = v4()
    talk.open().send(0, REQUEST).send(1, text(100)).send(1, text(100, "b"))
    frames = [ethernet(d) for d in out]
    return pcap(frames)[: -len(frames[-1]) - 5], [talk.flow(0), talk.flow(1, text(100))]


@scenario
def file_empty():
    """pcap of no packets"""
    return pcap([]), []


def ng(function):
    function.__name__ = "ng_" + function.__name__
    SCENARIOS.append(function)


def ng_order(name, order):
    def make():
        frames, flows = small()
        return section(order) + interface(1, order) + micros(frames, order=order), flows
    make.__name__, make.__doc__ = "ng_" + name, "pcapng, %s-endian" % name
    SCENARIOS.append(make)


ng_order("little", "<")
ng_order("big", ">")


@ng
def sections():
    """a little-endian section with Ethernet, a big-endian one with raw IP, and a third whose length is stated"""
    out, one = v4()
    one.open().send(0, REQUEST)
    middle = len(out)
    one.send(1, REPLY).raw(0, ACK, len(REQUEST))
    last = len(out)
    one.close()
    first = section() + interface(1) + micros([ethernet(d) for d in out[:middle]])
    second = section(">") + interface(101, ">") + micros(out[middle:last], 0, ">", middle)
    body = interface(113) + interface(276)
    body += micros([sll(d) for d in out[last:-1]], 0, first=last) + micros([sll2(out[-1])], 1, first=len(out) - 1)
    return first + second + section(length=len(body)) + body, one.flows()


@ng
def interfaces():
    """one section, seven interfaces: their own link type, resolution (10^-6, 10^-9, 10^-3, 2^-10, 2^-30, 1 s) and offset"""
    kinds = [(1, ethernet, None, None, 10**6), (101, bytes, 9, None, 10**9), (113, sll, 3, None, 10**3),
             (276, sll2, 0x80 | 10, None, 2**10), (9, ppp, 0x80 | 30, 1700000000, 2**30),
             (1, snap, 6, -3600, 10**6), (228, bytes, 0, None, 1)]
    data, flows = section(), []
    for link, _, resolution, offset, _ in kinds:
        data += interface(link, resolution=resolution, offset=offset)
    for number, (_, wrap, _, offset, unit) in enumerate(kinds):
        out = []
        flows += Talk(out, (CLIENT4[0], 40000 + number)).whole().flows()
        for index, datagram in enumerate(out):
            time = times(20 * number + index + 1)[-1] - (offset or 0) * 10**9
            data += enhanced(number, time * unit // 10**9, wrap(datagram))
    return data, flows


@ng
def nanoseconds():
    """pcapng with nanosecond resolution"""
    frames, flows = small()
    data = section() + interface(1, resolution=9)
    return data + b"".join(enhanced(0, t, f) for t, f in zip(times(len(frames)), frames)), flows


@ng
def simple_packets():
    """simple packet blocks, which carry no time, the last of them cut by the interface's snap length"""
    out, talk = v4()
    talk.open().send(0, REQUEST).send(1, text(200))
    frames = [ethernet(d) for d in out]
    blocks = b"".join(block(3, struct.pack("<I", len(f)) + f[:120]) for f in frames)
    return section() + interface(1, snaplen=120) + blocks, [talk.flow(0), talk.flow(1, text(200)[:66])]


@ng
def obsolete_packets():
    """the obsolete packet block (type 2)"""
    frames, flows = small()
    blocks = b""
    for time, frame in zip(times(len(frames)), frames):
        ticks = time // 1000
        blocks += block(2, struct.pack("<HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame)
    return section() + interface(1) + blocks, flows


@ng
def other_blocks():
    """name resolution, statistics, decryption secrets, custom and unknown blocks and options between the packets"""
    frames, flows = small()
    comment = option(1, b"a comment") + option(0, b"")
    data = section() + block(0x7FFFFFF0, b"unknown") + interface(1)
    for index, (time, frame) in enumerate(zip(times(len(frames)), frames)):
        data += enhanced(0, time // 1000, frame, options=comment)
        data += [block(4, struct.pack("<HH", 1, 12) + b"\xc0\0\x02\x01client.\0" + b"\0" * 4),
                 block(5, struct.pack("<III", 0, 0, 0)),
                 block(10, struct.pack("<II", 0x544C534B, 8) + b"secrets\n"),
                 block(0xBAD, struct.pack("<I", 32473) + b"custom"),
                 block(0x40000BAD, struct.pack("<I", 32473) + b"private"),
                 block(0x0000F00D, b"")][index % 6]
    return data, flows


@ng
def cut_block():
    """pcapng that ends in the middle of the block of the last data segment"""
    out, talk = v4()
    talk.open().send(0, REQUEST).send(1, text(100)).send(1, text(100, "b"))
    data = section() + interface(1) + micros([ethernet(d) for d in out])
    return data[:-40], [talk.flow(0), talk.flow(1, text(100))]


# ---------------------------------------------------------------- main

def name_of(function, data):
    return function.__name__.replace("_", "-") + (".pcapng" if data[:4] == b"\x0a\x0d\x0d\x0a" else ".pcap")


def disagreements(path, flows):
    """Where the answers worked out from the file differ from what the scenario put into it."""
    found = {(f["src"], f["sport"], f["dst"], f["dport"], f["connection"]):
             (f["length"], f["sha256"], f["gaps"]) for f in answers.answers(path)["flows"]}
    meant = {flow[:5]: (len(flow[5]), hashlib.sha256(flow[5]).hexdigest(), flow[6]) for flow in flows}
    return [(key, meant.get(key), found.get(key)) for key in set(found) | set(meant) if found.get(key) != meant.get(key)]


def main(arguments):
    if arguments == ["--list"]:
        for function in SCENARIOS:
            print("| `%s` | %s |" % (name_of(function, function()[0]), function.__doc__.strip()))
        return 0
    here = os.path.dirname(os.path.abspath(__file__))
    folder = arguments[0] if arguments else os.path.join(here, "..", "data")
    bad = 0
    for function in SCENARIOS:
        data, flows = function()
        path = os.path.join(folder, name_of(function, data))
        with open(path, "wb") as file:
            file.write(data)
        with open(answers.answer_path(path), "w", encoding="utf-8") as file:
            file.write(answers.dump(answers.answers(path)))
        for difference in disagreements(path, flows):
            bad += 1
            print(os.path.basename(path), *difference, sep="\n  ", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
