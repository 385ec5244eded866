# Sourced by the recording scripts. Gives each a client and a server in network namespaces of their
# own, and everything is taken away again when the script ends, however it ends.
#
# Names used by the scripts:
#   DATA   where captures go (tests/data, or $RECORD_DATA)
#   WORK   a throwaway directory, readable by everyone (servers change user)
#   C4 C6 S4 S6   addresses of the client and the server

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DATA=${RECORD_DATA:-$here/../data}
WORK=$(mktemp -d)
chmod 755 "$WORK"
C4=192.0.2.1 S4=192.0.2.2 C6=2001:db8::1 S6=2001:db8::2
client_ns=tapflow-client-$$ server_ns=tapflow-server-$$
namespaces=()
declare -A children=() # process ids of what this script started and has not yet waited for
[ "$(id -u)" = 0 ] || { echo "$0: must run as root (network namespaces, tcpdump)" >&2; exit 1; }

clean_up() {
    local pid ns
    for pid in "${!children[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${!children[@]}"; do wait "$pid" 2>/dev/null || true; done
    for ns in "${namespaces[@]}"; do ip netns del "$ns" 2>/dev/null || true; done
    rm -rf "$WORK"
}
trap clean_up EXIT

# need PACKAGE...: installs what is missing, without starting any service of it.
need() {
    local package missing=()
    for package in "$@" tcpdump iproute2 ethtool python3; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] ||
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

add_ns() { ip netns add "$1"; namespaces+=("$1"); ip -n "$1" link set lo up; }

# addresses NS DEVICE IPV4 IPV6
addresses() {
    ip -n "$1" addr add "$3/24" dev "$2"
    ip -n "$1" addr add "$4/64" dev "$2" nodad
    ip -n "$1" link set "$2" up
}

# network [offload]: client and server joined by a veth pair, both devices called `net0`. Segments and
# checksums are as they would be on a wire, unless `offload` leaves them to the (virtual) card.
network() {
    local ns
    add_ns "$client_ns"; add_ns "$server_ns"
    ip -n "$client_ns" link add net0 type veth peer name net0 netns "$server_ns"
    for ns in "$client_ns" "$server_ns"; do
        [ "${1-}" = offload ] || ip netns exec "$ns" ethtool -K net0 tso off gso off gro off tx off >/dev/null
    done
    addresses "$client_ns" net0 $C4 $C6
    addresses "$server_ns" net0 $S4 $S6
}

# middle ARGUMENT...: client and server joined by link.py instead, which loses, repeats, swaps or tags
# frames; what it passes on can be captured on `mirror`, in the server's namespace.
middle() {
    local device
    add_ns "$client_ns"; add_ns "$server_ns"
    rm -f "$WORK/link.ready"
    python3 "$here/link.py" "$@" >"$WORK/link.ready" &
    children[$!]=1
    wait_for grep -q ready "$WORK/link.ready"
    ip link set "tc-$!" netns "$client_ns" name net0
    ip link set "ts-$!" netns "$server_ns" name net0
    ip link set "tm-$!" netns "$server_ns" name mirror
    ip netns exec "$server_ns" sysctl -q net.ipv6.conf.mirror.disable_ipv6=1
    ip -n "$server_ns" link set mirror up
    addresses "$client_ns" net0 $C4 $C6
    addresses "$server_ns" net0 $S4 $S6
    sleep 0.5 # router solicitations and the like go by
}

client() { ip netns exec "$client_ns" "$@"; }
server() { ip netns exec "$server_ns" "$@"; }

# serve COMMAND...: runs a server in the background until the script ends.
serve() {
    ip netns exec "$server_ns" "$@" </dev/null >"$WORK/server.log" 2>&1 &
    children[$!]=1
}

# stop SIGNAL PID: ends a child and waits for it.
stop() {
    kill "-$1" "$2"
    wait "$2" || true
    unset "children[$2]"
}

wait_for() {
    local turn
    for turn in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "$0: gave up waiting for: $*" >&2
    cat "$WORK/server.log" >&2 2>/dev/null || true
    exit 1
}

listening() { wait_for eval "ip netns exec $server_ns ss -Hltn | grep -q ':$1 '"; }

# capture FILE [TCPDUMP ARGUMENT...]: starts tcpdump in the server's namespace.
capture() {
    capture_file=$DATA/$1
    shift
    local device=(-i net0) argument
    for argument in "$@"; do [ "$argument" != -i ] || device=(); done
    ip netns exec "$server_ns" tcpdump -Z root -n -U --immediate-mode -B 32768 "${device[@]}" "$@" -w "$capture_file" 2>"$WORK/tcpdump.log" &
    capture_pid=$!
    children[$!]=1
    wait_for grep -q 'listening on' "$WORK/tcpdump.log"
}

# captured: stops tcpdump, works out the answers, shows what there is.
captured() {
    sleep 0.4
    stop INT "$capture_pid"
    if ! grep -q '^0 packets dropped by kernel' "$WORK/tcpdump.log"; then
        { echo "$0: $capture_file: tcpdump lost packets:"; cat "$WORK/tcpdump.log"; } >&2
        exit 1
    fi
    answer
}

answer() {
    chmod 644 "$capture_file"
    python3 "$here/answers.py" "$capture_file"
    echo "$(basename "$capture_file"): $(stat -c %s "$capture_file") bytes, $(grep -c '"src"' "${capture_file%.*}.answers.json" || true) flows"
}

# carried FILE [whole]: some flow of the capture holds exactly what an endpoint sent or received.
carried() {
    rm -rf "$WORK/flows"
    mkdir "$WORK/flows"
    python3 "$here/answers.py" --extract "$WORK/flows" "$capture_file"
    python3 - "$1" "${2-part}" "$WORK"/flows/* <<'PYTHON'
import sys
wanted = open(sys.argv[1], "rb").read()
flows = [open(name, "rb").read() for name in sys.argv[3:]]
if not wanted or not any(wanted == f if sys.argv[2] == "whole" else wanted in f for f in flows):
    sys.exit("no flow of the capture holds %s (%d bytes)" % (sys.argv[1], len(wanted)))
PYTHON
}

# content SIZE MARK: text in which every place can be told from every other.
content() {
    python3 -c 'import sys
size, mark = int(sys.argv[1]), sys.argv[2]
sys.stdout.write("".join("%s line %06d\n" % (mark, n) for n in range(size // 12))[:size])' "$1" "$2"
}
