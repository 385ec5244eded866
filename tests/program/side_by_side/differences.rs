//! Where tapflow differs from tcpflow, and why.

use tapflow_tests::answers::Capture;

/// What of two runs differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Whether the run succeeded, or was quiet when told.
    Status,
    /// Which files there are.
    Names,
    /// What a file holds.
    Bytes,
    /// What a file of `-I` holds.
    Index,
    /// When a file was modified.
    Times,
    /// Standard output.
    Console,
}
use Kind::{Bytes, Console, Index, Names, Status, Times};

/// Differences with one reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) captures: Captures,
    /// Combinations, in each of which some of the captures differ; none for any.
    pub(crate) combinations: &'static [&'static str],
    /// What differs.
    pub(crate) kinds: &'static [Kind],
    pub(crate) reason: &'static str,
}

/// The captures that an entry is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Captures {
    /// These, each of which differs in some way.
    Named(&'static [&'static str]),
    /// Those with flows over IPv6.
    WithIpv6,
    /// Those with bytes never captured.
    WithGaps,
}
use Captures::{Named, WithGaps, WithIpv6};

impl Known {
    pub(crate) fn covers(&self, capture: &Capture, combination: &str, kind: Kind) -> bool {
        let about = match self.captures {
            Named(names) => names.contains(&capture.name.as_str()),
            WithIpv6 => capture.flows.iter().any(|flow| flow.key.0.contains(':')),
            WithGaps => capture.flows.iter().any(|flow| !flow.gaps.is_empty()),
        };
        about
            && (self.combinations.is_empty() || self.combinations.contains(&combination))
            && self.kinds.contains(&kind)
    }

    /// Captures by name, each of which must differ.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        match self.captures {
            Named(names) => names,
            WithIpv6 | WithGaps => &[],
        }
    }
}

/// Captures that tcpflow does not read: one combination of options shows that, the others would add nothing.
pub(crate) const NOT_READ: &[Known] = &[
    Known {
        captures: Named(&[
            "capture-any-sll2",
            "link-ipv4-228",
            "link-ipv6-229",
            "link-loop-be",
            "link-loop-le",
            "link-ppp-ether-51",
            "link-ppp-hdlc-50",
            "link-raw-14",
            "link-sll2",
            "pcapplusplus-sll2",
            "tcpdump-ipoib",
            "zeek-ldap_search_umlaut",
            "zeek-ocsp-empty-responderid",
            "zeek-tcp-syslog",
            "zeek-tcp-syslog-nontransparent",
            "zeek-variant-01-chunk_2pow64_overflow",
            "zeek-variant-04-te_cl_desync",
            "zeek-variant-10-multi_value_te",
        ]),
        combinations: &["nothing"],
        kinds: &[Status, Names],
        reason: "tcpflow knows neither cooked captures of version 2, raw IP of link types 14, 228 and 229, OpenBSD's \
                 loopback, PPP of link types 50 and 51 nor IP over InfiniBand",
    },
    Known {
        captures: Named(&[
            "ng-interfaces",
            "ng-sections",
            "pcapplusplus-dns_over_tcp",
            "pcapplusplus-pcapng-example",
        ]),
        combinations: &["nothing"],
        kinds: &[Status, Names],
        reason: "libpcap, by which tcpflow reads, refuses pcapng files whose interfaces differ in type or snap length",
    },
    Known {
        captures: Named(&[
            "link-llc-snap",
            "link-ppp",
            "link-ppp-compressed",
            "link-pppoe",
            "link-pppoe-vlan",
            "link-sll-vlan",
        ]),
        combinations: &["nothing"],
        kinds: &[Names],
        reason: "tcpflow looks neither into LLC with SNAP, PPP without address and control field, PPP over Ethernet nor \
                 VLAN tags of cooked captures, and says nothing",
    },
    Known {
        captures: Named(&[
            "bro-connect-with-header",
            "link-null-be",
            "link-null-le",
            "pcapplusplus-NullLoopback",
            "zeek-excessive-pipelining",
            "zeek-pipeline-quotes",
            "zeek-pipeline-with-commands",
            "zeek-pipelining-example",
            "zeek-reply-off-on",
        ]),
        combinations: &["nothing"],
        kinds: &[Names],
        reason: "of BSD loopback captures tcpflow reads only IPv4 in little-endian byte order",
    },
    Known {
        captures: Named(&[
            "bro-ipv6-http-atomic-frag",
            "ipv6-atomic-fragment",
            "ipv6-authentication",
            "ipv6-chain",
            "ipv6-destination",
            "ipv6-hop-by-hop",
            "ipv6-mobility",
            "ipv6-routing",
            "tcpdump-bigtcp-ipv6-hbh",
        ]),
        combinations: &["nothing"],
        kinds: &[Names],
        reason: "tcpflow passes over datagrams with IPv6 extension headers and says nothing",
    },
    Known {
        captures: Named(&["ipv4-length-zero", "ipv6-length-zero"]),
        combinations: &["nothing"],
        kinds: &[Names],
        reason: "tcpflow passes over datagrams of length 0, as segmentation offload leaves them",
    },
    Known {
        captures: Named(&["pcapplusplus-clusterfuzz-testcase-minimized-FuzzTarget-5755755617189888"]),
        combinations: &["nothing"],
        kinds: &[Names],
        reason: "raw IP of link type 14, which libpcap refuses",
    },
];

/// Captures that both read.
pub(crate) const KNOWN: &[Known] = &[
    // Decoding.
    Known {
        captures: Named(&["ethernet-padding", "file-fcs-length"]),
        combinations: &[],
        kinds: &[Names, Bytes, Index, Times, Console],
        reason: "tcpflow takes Ethernet padding and frame check sequences for payload",
    },
    Known {
        captures: Named(&["capture-snaplen-96", "pcapplusplus-SllPacket"]),
        combinations: &[],
        kinds: &[Bytes, Index, Console],
        reason: "of IPv6 datagrams cut by a snap length tcpflow saves memory beyond the frame",
    },
    Known {
        captures: Named(&["other-protocols"]),
        combinations: &[],
        kinds: &[Names, Bytes, Index, Times, Console],
        reason: "tcpflow takes segments whose header lengths are absurd for data",
    },
    Known {
        captures: Named(&["zeek-missing_ldap_logs"]),
        combinations: &[],
        kinds: &[Bytes, Index, Times, Console],
        reason: "tcpflow calls whole datagrams of 1848 bytes truncated and leaves them out",
    },
    Known {
        captures: Named(&["pcapplusplus-clusterfuzz-testcase-minimized-FuzzTarget-4829420752470016"]),
        combinations: &[],
        kinds: &[Bytes, Index, Times, Console],
        reason: "a fraction of more than a second, and a TCP header length that tcpflow does not bound by the datagram's",
    },
    Known {
        captures: Named(&["link-vlan-2", "link-vlan-3", "link-vlan-priority", "wire-qinq"]),
        combinations: &[],
        kinds: &[Names, Console],
        reason: "tcpflow puts priority and drop bit into the VLAN's number, and names no VLAN where the outer tag is \
                 802.1ad or 0x9100",
    },
    Known {
        captures: Named(&["capture-any-sll", "link-ppp-hdlc", "link-raw-101", "link-raw-12", "link-sll"]),
        combinations: &["-T addresses of the link"],
        kinds: &[Names],
        reason: "where a link has no such addresses tcpflow prints whatever bytes are there; tapflow zeros",
    },
    Known {
        captures: Named(&["zeek-almost-resp"]),
        combinations: &["-T session and number"],
        kinds: &[Names],
        reason: "tcpflow does not count the IPv6 connection before it, of BSD loopback",
    },
    Known {
        captures: Named(&["tcpdump-bgp-bgp_capabilities_print-oobr-2"]),
        combinations: &[],
        kinds: &[Bytes, Index, Console],
        reason: "a lone first fragment with a SYN: tcpflow leaves out its last 9 bytes",
    },
    Known {
        captures: Named(&["zeek-tunnel-direct-bypass"]),
        combinations: &[],
        kinds: &[Names, Console],
        reason: "every other segment is inside GRE, which tcpflow passes over; without --ignore-encapsulation tapflow keeps \
                 it as a connection of its own",
    },
    // Streams.
    Known {
        captures: Named(&["tcp-conflict", "pcapplusplus-Smtp", "tcpdump-kday4", "tcpdump-kday7"]),
        combinations: &[],
        kinds: &[Bytes, Console],
        reason: "the first copy of a byte stays; tcpflow overwrites it with later ones, and prints all",
    },
    Known {
        captures: Named(&["bro-bigtransfer"]),
        combinations: &[],
        kinds: &[Names, Bytes, Index, Times, Console],
        reason: "sequence numbers jump back into a connection known before: the bytes belong there",
    },
    Known {
        captures: Named(&["bro-ecdhe", "bro-xmpp-dialback-starttls"]),
        combinations: &["-I"],
        kinds: &[Index],
        reason: "data that come again after the FINs belong to the flow, and are in its index; for tcpflow it has ended",
    },
    Known {
        captures: Named(&["tcp-port-reuse"]),
        combinations: &[],
        kinds: &[Names, Bytes, Times],
        reason: "a SYN with a new initial number is a new connection; tcpflow counts and dates it by its first data",
    },
    Known {
        captures: Named(&["tcp-port-reuse-close", "tcp-real-port-reuse"]),
        combinations: &[
            "-c -B -b 100 on the console",
            "-c -B -Ft on the console",
            "-c -B -T%N/%a-%b on the console",
        ],
        kinds: &[Console],
        reason: "tcpflow's console keeps name, number and -b of the first connection for the next on these ports",
    },
    Known {
        captures: Named(&["tcp-reset-out-of-window"]),
        combinations: &[],
        kinds: &[Names, Times, Console],
        reason: "any RST closes a flow of tcpflow, whatever its number; the data after it begin another",
    },
    Known {
        captures: Named(&["tcp-stray-after-close", "tcp-stray-after-reuse"]),
        combinations: &[],
        kinds: &[Names, Bytes, Index, Times, Console],
        reason: "what comes again after the close opens a new flow of tcpflow",
    },
    Known {
        captures: Named(&["bro-ecdhe", "bro-tls1_1", "bro-xmpp-dialback-starttls", "zeek-m57-long-49600-80"]),
        combinations: &["-b 100", "-c -B on the console", "-C -B -0 on the console"],
        kinds: &[Names, Console],
        reason: "the same: with -b tcpflow cannot tell from the file that the bytes are known",
    },
    Known {
        captures: Named(&["tcp-no-syn-earlier-bytes", "tcp-no-syn-wrap"]),
        combinations: &["-b 1", "-b 100", "-I", "-I -b 100", "-c -B -b 100 on the console"],
        kinds: &[Bytes, Index, Console],
        reason: "when bytes before the first one seen arrive, tapflow moves -b and the offsets of -I with the stream",
    },
    Known {
        captures: Named(&[
            "bro-tls1_1",
            "tcpdump-bgp-shutdown-msg-variations",
            "zeek-ctu-64702-888",
            "zeek-m57-long-49600-80",
        ]),
        combinations: &["-I"],
        kinds: &[Index],
        reason: "tapflow's index has a line for each segment with payload, also for what comes again",
    },
    // Which half a flow is in.
    Known {
        captures: Named(&[
            "bro-ncp",
            "bro-optional-service-name",
            "bro-wikipedia",
            "capture-loopback",
            "mercury-quic_reordered_frames",
            "pcap2har-sajal",
            "pcapplusplus-mysql",
            "pcapplusplus-postgres",
            "pcapplusplus-ssh_packets",
            "protolens-dns_tcp",
            "tcpdump-bgp-cease-hard-reset",
            "tcp-reset-out-of-window",
        ]),
        combinations: &["-r HALF -R HALF"],
        kinds: &[Names],
        reason: "-R completes connections, with both their directions; tcpflow only the directions that -r began",
    },
    Known {
        captures: Named(&["tcp-jump"]),
        combinations: &["-T session and number", "-r HALF -R HALF"],
        kinds: &[Names],
        reason: "a jump begins a connection with a session of its own, which -R does not",
    },
    // Names.
    Known {
        captures: Named(&[
            "tcp-jump",
            "tcp-port-reuse",
            "tcp-port-reuse-close",
            "tcp-real-port-reuse",
            "tcp-stray-after-reuse",
        ]),
        combinations: &["-Fc"],
        kinds: &[Names],
        reason: "the template that stands for tcpflow's -Fc has counts above 0 twice",
    },
    // The console.
    Known {
        captures: WithIpv6,
        combinations: &["-c -J on the console", "-C -J -0 on the console"],
        kinds: &[Console],
        reason: "tcpflow makes addresses and ports of JSON from the name, which goes wrong with IPv6",
    },
    Known {
        captures: WithGaps,
        combinations: &[
            "-c on the console",
            "-C on the console",
            "-c -0 on the console",
            "-c -s on the console",
            "-c -D on the console",
            "-C -D on the console",
            "-c -D -0 on the console",
            "-c -J on the console",
            "-C -J -0 on the console",
            "-c -g on the console",
            "-c -g -D on the console",
            "-c -q on the console",
        ],
        kinds: &[Console],
        reason: "tapflow says how many bytes are missing, in all forms but the binary one",
    },
    Known {
        captures: WithGaps,
        combinations: &["-c -B -b 100 on the console"],
        kinds: &[Console],
        reason: "-b counts stream offsets, as for files; tcpflow counts what it prints",
    },
    Known {
        captures: Named(&[
            "capture-no-syn",
            "tcp-jump",
            "tcp-late-syn",
            "tcp-no-syn",
            "tcp-no-syn-earlier-bytes",
            "tcp-no-syn-wrap",
            "tcp-real-self",
            "tcp-simultaneous-open",
        ]),
        combinations: &["-c -g on the console", "-C -g -B on the console", "-c -g -D on the console"],
        kinds: &[Console],
        reason: "who was seen first, without a SYN, is the client; tcpflow paints both sides in the server's colour",
    },
    Known {
        captures: Named(&[
            "arkime-http-100-continue",
            "arkime-http-content-gzip",
            "arkime-socks5-smtp-503",
            "arkime-wireshark-retrans",
            "arkime-wireshark-smb-on-windows10",
            "bro-206_example_a",
            "bro-206_example_c",
            "bro-connect-with-smtp",
            "bro-tls1_1",
            "ipfixprobe-tls",
            "joy-firefox58",
            "pcap2har-pcapr.net",
            "pcap2har-sajal",
            "pcapplusplus-650HttpResponses",
            "tcp-duplicates",
            "tcp-keepalive-byte",
            "tcp-overlap",
            "tcp-real-window-closed",
            "tcpdump-bgp-infinite-loop",
            "tcpdump-bgp-shutdown-msg-variations",
            "tcpdump-pptp",
            "wire-loss-reorder",
            "wire-repeat-swap",
            "zeek-ctu-64702-888",
            "zeek-m57-long-49600-80",
            "zeek-psql-login-no-role",
            "zeek-smb_v2_only_non_zero_reserved1",
        ]),
        combinations: &[],
        kinds: &[Console],
        reason: "tcpflow prints again what comes again",
    },
];
