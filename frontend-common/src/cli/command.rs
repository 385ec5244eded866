//! The options in one place: names, arguments, help. Parsing, both help pages, and what else is made
//! of a command line (manual page, completions) come from the [`command`] here.
//!
//! An option's `help` is a few words for the short page; its `long_help` is the full account.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::values;

mod bounds;
mod live;
mod rights;

/// Identifiers of the options, the same as their long names.
pub(super) mod id {
    pub(crate) const READ: &str = "read";
    pub(crate) const COMPLETE: &str = "complete";
    pub(crate) const FILES: &str = "files";
    pub(crate) const IGNORE_ENCAPSULATION: &str = "ignore-encapsulation";
    pub(crate) const TUNNEL_PORT: &str = "tunnel-port";
    pub(crate) const WORDS: &str = "FILTER";
    pub(crate) const INTERFACE: &str = "interface";
    pub(crate) const INTERFACES: &str = "list-interfaces";
    pub(crate) const NO_PROMISCUOUS: &str = "no-promiscuous";
    pub(crate) const SNAPLEN: &str = "snaplen";
    pub(crate) const BUFFER_SIZE: &str = "buffer-size";
    pub(crate) const READ_TIMEOUT: &str = "read-timeout";
    pub(crate) const TIMESTAMP: &str = "timestamp-type";
    pub(crate) const TIMESTAMPS: &str = "list-timestamp-types";
    pub(crate) const STATISTICS: &str = "stats-interval";
    pub(crate) const OUTPUT: &str = "output";
    pub(crate) const TEMPLATE: &str = "template";
    pub(crate) const PORTABLE: &str = "portable-names";
    pub(crate) const NAMES: &str = "names";
    pub(crate) const INDEX: &str = "index";
    pub(crate) const CAPTURES: &str = "pcap-flows";
    pub(crate) const REST: &str = "write-rest";
    pub(crate) const USER: &str = "relinquish-privileges";
    pub(crate) const ROOT: &str = "chroot";
    pub(crate) const NO_SANDBOX: &str = "no-sandbox";
    pub(crate) const UMASK: &str = "umask";
    pub(crate) const FSYNC: &str = "fsync";
    pub(crate) const NO_SYNC: &str = "no-sync";
    pub(crate) const REPORT: &str = "report";
    pub(crate) const ROTATE: &str = "rotate";
    pub(crate) const MAX_DISK: &str = "max-disk";
    pub(crate) const DISK_FULL: &str = "disk-full";
    pub(crate) const MAX_BYTES: &str = "max-bytes";
    pub(crate) const MAX_JUMP: &str = "max-jump";
    pub(crate) const MAX_HOLE: &str = "max-hole";
    pub(crate) const MAX_OPEN_FILES: &str = "max-open-files";
    pub(crate) const MAX_CONNECTIONS: &str = "max-connections";
    pub(crate) const IDLE_TIMEOUT: &str = "idle-timeout";
    pub(crate) const OVERLAP: &str = "overlap";
    pub(crate) const CHECKSUMS: &str = "checksums";
    pub(crate) const FRAGMENT_POLICY: &str = "fragment-policy";
    pub(crate) const FRAGMENT_MEMORY: &str = "fragment-memory";
    pub(crate) const URGENT: &str = "urgent";
    pub(crate) const PAWS: &str = "paws";
    pub(crate) const WINDOW: &str = "window";
    pub(crate) const COMPAT: &str = "dfxml-compat";
    pub(crate) const JSON_LINES: &str = "jsonl";
    pub(crate) const ALL: &str = "all";
    pub(crate) const ENABLE: &str = "enable";
    pub(crate) const ONLY: &str = "only";
    pub(crate) const DISABLE: &str = "disable";
    pub(crate) const HASH: &str = "hash";
    pub(crate) const HASH_INPUTS: &str = "hash-inputs";
    pub(crate) const CODED: &str = "no-decompress";
    pub(crate) const HAR: &str = "har";
    pub(crate) const SCANNERS: &str = "scanners";
    pub(crate) const CONSOLE: &str = "console";
    pub(crate) const BARE: &str = "console-bare";
    pub(crate) const BINARY: &str = "binary";
    pub(crate) const STRIP: &str = "strip";
    pub(crate) const HEX: &str = "hex";
    pub(crate) const JSON: &str = "json";
    pub(crate) const COLOUR: &str = "colour";
    pub(crate) const NO_NEWLINE: &str = "no-newline";
    pub(crate) const ORDER: &str = "order";
    pub(crate) const LOCK: &str = "lock";
    pub(crate) const HOLE_TIMEOUT: &str = "hole-timeout";
    pub(crate) const QUIET: &str = "quiet";
    pub(crate) const VERBOSE: &str = "verbose";
    pub(crate) const DEBUG: &str = "debug";
    pub(crate) const SET: &str = "set";
    pub(crate) const NO_PURGE: &str = "no-purge";
    pub(crate) const USAGE: &str = "usage";
    pub(crate) const HELP: &str = "help";
    pub(crate) const VERSION: &str = "version";
}

/// The command line of a program with this name and version.
#[must_use]
pub fn command(name: &'static str, version: &'static str) -> Command {
    Command::new(name)
        .version(version)
        .about("Records TCP conversations: writes one file for each direction of each connection.")
        .override_usage(format!("{name} -r FILE [OPTIONS] [FILTER...]\n       {name} -l [OPTIONS] FILE...\n       {name} -i IF [OPTIONS] [FILTER...]"))
        .max_term_width(100)
        .disable_help_flag(true)
        .disable_version_flag(true)
        // As getopt_long does: the last of a repeated option counts, long names may be cut short.
        .args_override_self(true)
        .infer_long_args(true)
        .args(input())
        .args(live::live())
        .args(rights::rights())
        .args(files())
        .args(bounds::bounds())
        .args(console())
        .args(scanners())
        .args(limits())
        .args(messages())
}

fn input() -> [Arg; 6] {
    group(
        "Input",
        [
            value('r', id::READ, "FILE", value_parser!(PathBuf))
                .action(ArgAction::Append)
                .help("read it (repeatable)")
                .long_help(
                    "Read packets from a capture file: pcap, pcapng, snoop or ERF. `-` is standard input. May be repeated; \
                     files are read in the order given.",
                ),
            value('R', id::COMPLETE, "FILE", value_parser!(PathBuf))
                .action(ArgAction::Append)
                .help("only complete flows of -r")
                .long_help(
                    "Read this capture after all others, but only to complete flows that began in them: no new \
                     flow starts in it. For captures that were cut into files by time: give one file with -r and \
                     the next with -R. May be repeated.",
                ),
            switch('l', id::FILES)
                .help("arguments are files to read")
                .long_help(
                    "Arguments that are not options are capture files, read after those of -r, instead of a \
                     filter. For shell patterns: -l *.pcap",
                ),
            Arg::new(id::IGNORE_ENCAPSULATION)
                .long(id::IGNORE_ENCAPSULATION)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("ignore VLANs and tunnels")
                .long_help(
                    "Ignore VLANs and tunnels: packets with the same addresses and ports are one connection. For \
                     captures in which the two directions are tagged differently, or only one comes through a \
                     tunnel. Without this option, connections in different VLANs or tunnels are separate.",
                ),
            long_value(id::TUNNEL_PORT, "PROTOCOL=PORT", ValueParser::new(values::tunnel_port))
                .action(ArgAction::Append)
                .hide_short_help(true)
                .help("a tunnel on another port")
                .long_help(
                    "Look for a tunnel on this UDP port too: ayiya, capwap, geneve, gre, gtp, gue, ip, jmirror, l2tp, \
                     lisp, mpls, peekremote, sflow, teredo, tzsp, vxlan or vxlan-gpe. ip is an IP datagram without any \
                     tunnel header and has no port of its own. The assigned ports are always checked, after those \
                     given here. May be repeated, at most 16 times.",
                ),
            Arg::new(id::WORDS)
                .value_name(id::WORDS)
                .num_args(0..)
                .value_parser(value_parser!(OsString))
                .help("as for tcpdump: port 80")
                .long_help(
                    "Use only packets that match this expression; see pcap-filter(7). Several arguments are joined \
                     with spaces. With -l: the files to read.",
                ),
        ],
    )
}

fn files() -> [Arg; 10] {
    group(
        "Files",
        [
            value('o', id::OUTPUT, "DIR", value_parser!(PathBuf)).help("output directory [.]").long_help(
                "Write files below this directory, which is created if it is missing. The default is the current \
                 directory.",
            ),
            value('T', id::TEMPLATE, "TEMPLATE", value_parser!(String))
                .allow_hyphen_values(true)
                .help("names; letters: --help")
                .long_help(
                    "Name files by this template; its letters are listed below. `/` makes directories. A template \
                     without %c gets %C%c at its end, so that no two flows share a file. It replaces the prefixes \
                     of earlier -F. The default is %A.%a-%B.%b%V%v%C%c",
                ),
            value('F', id::NAMES, "LETTERS", ValueParser::new(values::name_letters))
                .action(ArgAction::Append)
                .help("t T k m g c M X: --help")
                .long_help(
                    "Change file names: t puts the flow's start in seconds since 1970 before them, T its date and \
                     time; k, m, g put flows into directories of 1000, in 1, 2 or 3 levels; c puts the connection \
                     count into every name; X writes no files, only the report; M is --hash md5. Letters may be \
                     joined or the option repeated; each prefix goes before the earlier ones.",
                ),
            Arg::new(id::PORTABLE).long(id::PORTABLE).action(ArgAction::SetTrue).help("for Windows too").long_help(
                "Store files under names that every system can store and distinguish; always on for Windows. \
                 Characters that Windows refuses, capital letters, names of devices, and dots and spaces at the \
                 end are written as %XX, as in URLs. A part of more than 200 bytes is cut and ends in ~ and a \
                 digest. The report has the original names too.",
            ),
            switch('I', id::INDEX).help("write NAME.findx").long_help(
                "Beside each file, write NAME.findx with a line `offset|seconds|length` for each piece: its place \
                 in the file, when it was captured, and its length. Seconds have the precision of the capture.",
            ),
            switch('K', id::CAPTURES).help("NAME.pcap instead of files").long_help(
                "Write the packets of each flow, as captured, to NAME.pcap instead of a file with its bytes: also \
                 packets without data, packets after the end, and all fragments. Times have nanoseconds. A flow \
                 with packets of several link types has a file for each.",
            ),
            value('w', id::REST, "FILE", value_parser!(PathBuf)).help("packets in no flow").long_help(
                "Write the packets that are in no flow to this file: other protocols, damaged packets, incomplete \
                 fragments, segments of no known connection. With -K, every packet is in one of the files. The \
                 format is pcap, or pcapng if packets have several link types, if the name ends in .pcapng, and \
                 for pipes; `-` is standard output.",
            ),
            value('X', id::REPORT, "FILE", value_parser!(PathBuf)).help("report [DIR/report.xml]").long_help(
                "Write the report (DFXML: all flows, their files, gaps, conflicts) to this file. The default is \
                 report.xml in the output directory; with -c or -C no report is written unless -X is given.",
            ),
            Arg::new(id::COMPAT).long(id::COMPAT).action(ArgAction::SetTrue).help("report in tcpflow's form").long_help(
                "Write the report in the form of tcpflow 1.6.1, which is not valid DFXML, for programs that expect \
                 it.",
            ),
            long_value(id::JSON_LINES, "FILE", value_parser!(PathBuf)).help("a line per connection").long_help(
                "Write a JSON object for each connection, one per line, with everything that is in the report. `-` \
                 is standard output.",
            ),
        ],
    )
}

fn console() -> [Arg; 11] {
    group(
        "Console",
        [
            switch('c', id::CONSOLE).help("print, names first").long_help(
                "Print flows to standard output instead of writing files; each piece is headed by the name of its \
                 flow. Unprintable bytes become `.` unless -B, -D or -J is given.",
            ),
            switch('C', id::BARE).help("print, without names").long_help(
                "Like -c without the names. Takes precedence over -c."),
            switch('B', id::BINARY).help("bytes as they are").long_help("With -c or -C: print bytes as they are."),
            switch('s', id::STRIP)
                .help("unprintable as . (default)")
                .long_help(
                    "With -c or -C: print `.` for unprintable bytes. This is the default; -B, -D and -J take \
                     precedence."),
            switch('D', id::HEX)
                .help("hex dump")
                .long_help("With -c or -C: print a hex dump, 32 bytes a line. Takes precedence over -J and -B."),
            switch('J', id::JSON).help("JSON, an object per piece").long_help(
                "With -c or -C: print one JSON object for each piece, with addresses, ports and the bytes as \
                 numbers. Takes precedence over -B.",
            ),
            switch('g', id::COLOUR)
                .alias("color")
                .help("colours: client, server")
                .long_help("With -c or -C: print the client's side in blue, the server's in red. Also --color."),
            switch('0', id::NO_NEWLINE)
                .help("no line end after a piece")
                .long_help("With -c or -C: print no line end after each piece."),
            value('L', id::LOCK, "NAME", value_parser!(String)).hide_short_help(true).help("take turns").long_help(
                "With -c or -C: hold the semaphore of this name (sem_overview(7)) while a piece is printed, so \
                 that several programs can share a terminal.",
            ),
            long_value(id::ORDER, "ORDER", ValueParser::new(values::order)).help("stream or arrival").long_help(
                "With -c or -C: `stream` (the default) prints each flow in the order of its bytes, and holds back \
                 bytes that arrive early; `arrival` prints pieces as they were captured, as tcpflow does.",
            ),
            long_value(id::HOLE_TIMEOUT, "SECONDS", ValueParser::new(values::seconds))
                .hide_short_help(true)
                .help("wait for missing bytes [10]")
                .long_help(
                    "With --order stream: how long bytes wait for missing ones before them, on the capture's \
                     clock; then the gap is printed, and bytes that arrive for it later are printed when they \
                     arrive. 0 waits until the flow ends. For missing bytes that the receiver has acknowledged, \
                     the wait is a tenth of a second: the capture missed them. The default is 10.",
                ),
        ],
    )
}

fn scanners() -> [Arg; 9] {
    group(
        "Scanners",
        [
            switch('a', id::ALL).help("all scanners").long_help(
                "Run all scanners on finished flows: http, md5, netviz (not built yet), wifiviz. -a, -e, -E and -x \
                 apply in the order given.",
            ),
            value('e', id::ENABLE, "NAME", ValueParser::new(values::scanner))
                .action(ArgAction::Append)
                .help("a scanner on")
                .long_help("Enable a scanner, or all; -H lists them. May be repeated."),
            value('E', id::ONLY, "NAME", ValueParser::new(values::scanner))
                .action(ArgAction::Append)
                .help("only this scanner")
                .long_help("Enable this scanner and disable all others that run on finished flows."),
            value('x', id::DISABLE, "NAME", ValueParser::new(values::scanner))
                .action(ArgAction::Append)
                .help("a scanner off")
                .long_help("Disable a scanner, or all. -x tcpdemux writes no flow files. May be repeated."),
            long_value(id::HASH, "LIST", ValueParser::new(values::algorithms))
                .action(ArgAction::Append)
                .help("md5,sha1,sha256,blake3")
                .long_help(
                    "Put digests of every flow file into the report: md5, sha1, sha256, blake3, with commas between \
                     them. -e md5 and -FM are --hash md5. May be repeated.",
                ),
            Arg::new(id::HASH_INPUTS)
                .long(id::HASH_INPUTS)
                .action(ArgAction::SetTrue)
                .hide_short_help(true).help("digests of the inputs too").long_help(
                "Put digests of every input file, as it is on disk, into the report too: those of --hash, or \
                 SHA-256 without --hash. Each file is read once more.",
            ),
            switch('Z', id::CODED).hide_short_help(true).help("keep HTTP bodies compressed").long_help(
                "With -e http: keep bodies as they were sent, without undoing gzip, deflate, br, zstd and compress.",
            ),
            long_value(id::HAR, "FILE", value_parser!(PathBuf)).hide_short_help(true).help("HTTP exchanges as HAR").long_help(
                "Write all HTTP requests and responses, with times, to this file in the format HAR 1.2, which \
                 browsers and other tools read. Short text bodies are in the file, others are named by their files \
                 (with -e http).",
            ),
            switch('H', id::SCANNERS).help("list scanners").long_help("List scanners and settings."),
        ],
    )
}

fn limits() -> [Arg; 15] {
    group(
        "Limits",
        [
            value('b', id::MAX_BYTES, "SIZE", ValueParser::new(values::size))
                .allow_hyphen_values(true)
                .help("keep SIZE bytes per flow")
                .long_help(
                    "Keep only the first SIZE bytes of each flow. k, M and G after the number are powers of 1024, here \
                     and with -m. The default is everything.",
                ),
            value('m', id::MAX_JUMP, "SIZE", ValueParser::new(values::positive_size))
                .allow_hyphen_values(true)
                .help("new stream at a jump [16M]")
                .long_help(
                    "When sequence numbers jump by SIZE bytes or more, a new stream starts, with a file of its own. \
                     The default is 16M (16777216).",
                ),
            long_value(id::MAX_HOLE, "SIZE[,WHAT]", ValueParser::new(values::max_hole))
                .hide_short_help(true)
                .help("bound of what is missing")
                .long_help(
                    "Bytes that may be missing in a stream beyond as many as its packets had on the wire. Where more would                      be, `split` (the default) starts a new stream behind the hole, with a file of its own, as -m does;                      `shorten` goes on in the same file, in which the longest holes are shorter than in the stream: the                      report lists what is left out of them. `none` is no bound. The default is 64M.",
                ),
            value('f', id::MAX_OPEN_FILES, "N", ValueParser::new(values::positive))
                .allow_hyphen_values(true)
                .help("files open at once")
                .long_help(
                    "Keep at most N files open at once. The output is the same with any number; more is faster. The \
                     default is what the system allows.",
                ),
            long_value(id::MAX_CONNECTIONS, "N", ValueParser::new(values::positive)).visible_alias("max-flows").help("at once").long_help(
                "Follow at most N connections at once. When the table is full, each new connection closes another: \
                 the oldest that has ended, else the oldest half-open, else the one silent for longest. Ended and \
                 half-open connections take at most a quarter of the table. The summary counts what was closed. \
                 The default is one for every 4k of available memory, at most 524288.",
            ),
            long_value(id::IDLE_TIMEOUT, "SECONDS", ValueParser::new(values::seconds)).help("close idle connections").long_help(
                "Close a connection after this many seconds without a packet, on the capture's clock. 0 is never. \
                 The default is 0 for files and 3600 for live capture. The same as -S tcp_timeout=SECONDS, and \
                 takes precedence over it.",
            ),
            long_value(id::OVERLAP, "[NET=]POLICY", ValueParser::new(values::overlap))
                .action(ArgAction::Append)
                .help("which copy counts [first]")
                .long_help(
                    "Which copy counts where segments overlap beyond a hole; the receiver's system decides. first, \
                     last, bsd, linux, old-linux, windows, windows2003, vista, solaris, hpux, hpux10, irix or \
                     macos, for all receivers, or with NET= for those in a network: --overlap 10.0.0.0/8=linux. \
                     The longest prefix counts. May be repeated. The default is first. Bytes that follow without a \
                     hole always stay: the receiver has read them. The report lists the copies that do not count.",
                ),
            long_value(id::CHECKSUMS, "WHAT", ValueParser::new(values::checksums))
                .hide_short_help(true)
                .help("check checksums")
                .long_help(
                    "How to treat wrong checksums of IPv4 headers and of TCP: `ignore` (the default: captures \
                     taken on the sending host have wrong ones), `count`, or `refuse`, which drops the packet as \
                     its receiver does. Packets cut by a snap length cannot be checked.",
                ),
            long_value(id::FRAGMENT_POLICY, "POLICY", ValueParser::new(values::fragment_policy))
                .hide_short_help(true)
                .help("which fragment counts")
                .long_help(
                    "Which bytes count where IP fragments overlap; hosts differ. bsd (the default), first, last, \
                     bsd-right, linux, windows, solaris (as in Novak, \"Target-Based Fragmentation Reassembly\"), \
                     or discard, which drops the datagram as IPv6 always does.",
                ),
            long_value(id::FRAGMENT_MEMORY, "SIZE", ValueParser::new(values::size))
                .hide_short_help(true)
                .help("for IP fragments")
                .long_help(
                    "Memory for incomplete IP datagrams; when it is full, the oldest datagram is given up. A \
                     datagram takes up to 64k. With 0, fragments are not put together, and are counted as not \
                     used. The default is 64k for every 512 of --max-connections, at least 1M and at most 64M.",
                ),
            long_value(id::URGENT, "WHERE", ValueParser::new(values::urgent)).hide_short_help(true).help("inline or drop").long_help(
                "Urgent data, the byte that TCP's urgent pointer names: `inline` (the default) keeps it in the \
                 stream, as applications with SO_OOBINLINE read it; `drop` leaves it out of files and console, as \
                 other applications read the stream. The report lists what was left out.",
            ),
            long_value(id::PAWS, "WHAT", ValueParser::new(values::check)).hide_short_help(true).help("count or refuse").long_help(
                "Segments whose timestamp is older than one that the receiver has accepted; the receiver drops \
                 them (PAWS). `count` (the default) keeps them, `refuse` drops them too.",
            ),
            long_value(id::WINDOW, "WHAT", ValueParser::new(values::check)).hide_short_help(true).help("count or refuse").long_help(
                "Bytes beyond the window that the receiver has announced; the receiver drops them. `count` (the \
                 default) keeps them, `refuse` drops them too. A capture without all acknowledgements does not \
                 know the window well.",
            ),
            value('S', id::SET, "NAME=VALUE", ValueParser::new(values::setting))
                .action(ArgAction::Append)
                .help("tcpflow's settings")
                .long_help(
                    "Settings with tcpflow's names: enable_report=NO writes no report; tcp_timeout=SECONDS is \
                     --idle-timeout; tcp_cmd=PROGRAM runs a program for each flow file, with the file's name as \
                     its last argument, without a shell, at most ten at a time; tcp_alert_fd=N writes `open` or \
                     `close`, a tab and the name of each flow file to this descriptor; http_cmd and http_alert_fd \
                     do the same for files with HTTP bodies; check_fcs=NO accepts 802.11 frames with a wrong \
                     checksum too; packet-buffer-timeout=MS is --read-timeout; tdelta=SECONDS is added to all \
                     timestamps. May be repeated.",
                ),
            switch('P', id::NO_PURGE).hide_short_help(true)
                .help("no effect").long_help(
                "Accepted for tcpflow's command lines, without effect: tapflow always remembers closed connections \
                 as long as its table has room.",
            ),
        ],
    )
}

fn messages() -> [Arg; 6] {
    group(
        "Messages",
        [
            switch('q', id::QUIET)
                .overrides_with_all([id::VERBOSE, id::DEBUG])
                .help("errors only")
                .long_help(
                    "Print errors only: no summary, no progress, no warnings; statistics only with \
                     --stats-interval. The last of -q, -v and -d counts.",
                ),
            switch('v', id::VERBOSE)
                .overrides_with_all([id::QUIET, id::DEBUG])
                .help("more details")
                .long_help("Print more details; the same as -d 10."),
            value('d', id::DEBUG, "LEVEL", ValueParser::new(values::level))
                .allow_hyphen_values(true)
                .overrides_with_all([id::QUIET, id::VERBOSE])
                .help("0 silent, 10 verbose")
                .long_help("How much to print to standard error: 0 is -q, 1 the default, 10 is -v."),
            switch('h', id::USAGE)
                .action(ArgAction::Count)
                .help("this page")
                .long_help("Print the options on one page. Twice (-hh): the same as --help."),
            Arg::new(id::HELP)
                .long(id::HELP)
                .action(ArgAction::SetTrue)
                .help("all")
                .long_help("Print this text."),
            switch('V', id::VERSION).help("version").long_help("Print the version."),
        ],
    )
}

/// Sets the heading of a group of options.
fn group<const N: usize>(heading: &'static str, args: [Arg; N]) -> [Arg; N] {
    args.map(|arg| arg.help_heading(heading))
}

fn switch(short: char, long: &'static str) -> Arg {
    Arg::new(long).short(short).long(long).action(ArgAction::SetTrue)
}

fn value(short: char, long: &'static str, name: &'static str, parser: impl Into<ValueParser>) -> Arg {
    long_value(long, name, parser).short(short)
}

fn long_value(long: &'static str, name: &'static str, parser: impl Into<ValueParser>) -> Arg {
    Arg::new(long).long(long).value_name(name).value_parser(parser.into())
}
