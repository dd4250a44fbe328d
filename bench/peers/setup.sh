# shellcheck shell=bash
# How each peer is set up for a scenario. Sourced by run, which sets peer, scenario, work (a folder), bin (the traffic programs),
# vswitch, ovs_vswitchd and ovs_schema, and reads switch_of.
# shellcheck disable=SC2154,SC2034
#
# A peer has three network namespaces of its own: PREFIX-PEER-sw with the switch, -c with the client, -s with the server. The
# client's interface is called cli, the server's srv, whatever they are made of, and all addresses are the same for all peers, so
# that the traffic programs see no difference. Neighbours are static: no peer is measured while it asks who has an address.

readonly prefix=vsb
readonly client_mac=02:00:00:00:00:01 server_mac=02:00:00:00:00:02
readonly gateway_mac=02:76:73:00:00:01 outside_mac=02:76:73:00:00:02
readonly inside_client=10.0.0.10 inside_server=10.0.0.11 inside_gateway=10.0.0.1
readonly outside_client=198.51.100.254 outside_gateway=198.51.100.1 elastic_ip=203.0.113.10
# Rules of a group that do not match the traffic: this many for TCP and as many for UDP; two more rules do match.
readonly filler_rules=24
readonly first_port=5201 last_port=9300

in_switch() { ip netns exec "$prefix-$peer-sw" "$@"; }

# Starts a program in the switch's namespace in the background; its process id goes to $started and to the list of those to end.
start_in_switch() {
    local log=$1
    shift
    ip netns exec "$prefix-$peer-sw" "$@" >>"$log" 2>&1 9>&- 8>&- </dev/null &
    started=$!
    processes+=("$started")
}

# Waits for a condition, at most 20 s; a process that ended meanwhile will not bring it about.
wait_until() {
    local process=$1 tries
    shift
    for ((tries = 0; tries < 400; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        kill -0 "$process" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

make_namespaces() {
    local end ns
    for end in sw c s; do
        ns=$prefix-$peer-$end
        ip netns add "$ns" && ip -n "$ns" link set lo up || return 1
        ip netns exec "$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65000' \
            net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    done
}

# A pair of veths an end: cli and srv with the guests, sw-cli and sw-srv with the switch.
make_veths() {
    local end
    for end in c:cli s:srv; do
        ip -n "$prefix-$peer-sw" link add "sw-${end#*:}" type veth peer name "${end#*:}" netns "$prefix-$peer-${end%:*}" &&
            ip -n "$prefix-$peer-sw" link set "sw-${end#*:}" up || return 1
    done
}

# TAPs that a switch has made go to their guests, once they are there.
move_taps() {
    local end
    for end in c:cli s:srv; do
        wait_until $$ ip -n "$prefix-$peer-sw" link show "${end#*:}" &&
            ip -n "$prefix-$peer-sw" link set "${end#*:}" netns "$prefix-$peer-${end%:*}" || return 1
    done
}

set_up_guest() {
    local ns=$1 interface=$2 mac=$3 address=$4
    ip -n "$ns" link set "$interface" address "$mac" &&
        ip -n "$ns" addr add "$address/24" dev "$interface" &&
        ip -n "$ns" link set "$interface" up mtu 1500
}

set_up_guests() {
    local c=$prefix-$peer-c s=$prefix-$peer-s
    if [ "$scenario" = eip ]; then
        set_up_guest "$c" cli "$client_mac" "$outside_client" &&
            ip -n "$c" neigh replace "$outside_gateway" lladdr "$outside_mac" dev cli nud permanent &&
            ip -n "$c" route add "$elastic_ip" via "$outside_gateway" dev cli &&
            set_up_guest "$s" srv "$server_mac" "$inside_server" &&
            ip -n "$s" neigh replace "$inside_gateway" lladdr "$gateway_mac" dev srv nud permanent &&
            ip -n "$s" route add default via "$inside_gateway" dev srv
    else
        set_up_guest "$c" cli "$client_mac" "$inside_client" &&
            set_up_guest "$s" srv "$server_mac" "$inside_server" &&
            ip -n "$c" neigh replace "$inside_server" lladdr "$server_mac" dev cli nud permanent &&
            ip -n "$s" neigh replace "$inside_client" lladdr "$client_mac" dev srv nud permanent
    fi
}

destination() {
    if [ "$scenario" = eip ]; then echo "$elastic_ip"; else echo "$inside_server"; fi
}

# ---- VSwitch

vswitch_rules() {
    local side=$1 i
    for ((i = 1; i <= filler_rules; i++)); do
        echo "      - { protocol: tcp, ports: $((8000 + i * 10))-$((8000 + i * 10 + 5)), $side: 172.16.$i.0/24 }"
        echo "      - { protocol: udp, ports: $((8000 + i * 10))-$((8000 + i * 10 + 5)), $side: 172.17.$i.0/24 }"
    done
    echo "      - { protocol: tcp, ports: $first_port-$last_port, $side: 0.0.0.0/0 }"
    echo "      - { protocol: udp, ports: $first_port-$last_port, $side: 0.0.0.0/0 }"
}

vswitch_eni() {
    echo "  - { name: $1, subnet: one, mac: \"$2\", privateIps: [$3], securityGroups: [guests], device: $4 }"
}

# Security groups on both ends in every scenario, and in sg and eip with the 50 rules in both directions.
vswitch_config() {
    local workers=$1 client_device=$2 server_device=$3
    echo "switch: { workers: $workers, gatewayMac: \"$gateway_mac\" }"
    if [ "$scenario" = eip ]; then
        cat <<YAML
internet:
  device: $client_device
  mac: "$outside_mac"
  addresses: [$outside_gateway/24]
  neighbors: { $outside_client: "$client_mac" }
elasticIps: [{ name: eip, address: $elastic_ip, eni: server, privateIp: $inside_server }]
YAML
    fi
    cat <<YAML
vpcs:
  - name: bench
    cidrs: [10.0.0.0/16]
    subnets: [{ name: one, cidrs: [10.0.0.0/24] }]
    routeTables: [{ name: main, main: true$([ "$scenario" = eip ] && echo ", routes: [{ destination: 0.0.0.0/0, target: internet }]") }]
securityGroups:
YAML
    if [ "$scenario" = l2 ]; then
        echo "  - { name: guests, vpc: bench, template: open }"
    else
        echo "  - name: guests"
        echo "    vpc: bench"
        echo "    ingress:"
        vswitch_rules source
        echo "    egress:"
        vswitch_rules destination
    fi
    echo "enis:"
    [ "$scenario" = eip ] || vswitch_eni client "$client_mac" "$inside_client" "$client_device"
    vswitch_eni server "$server_mac" "$inside_server" "$server_device"
}

start_vswitch() {
    local config=$work/$peer-$scenario.yaml log=$work/$peer-$scenario.log
    vswitch_config "$@" >"$config"
    start_in_switch "$log" "$vswitch" run "$config" --api "unix:$work/$peer-$scenario.sock"
    switch_of["$peer"]=$started
    wait_until "$started" grep -q '^vswitch: running' "$log" || {
        cat "$log" >&2
        return 1
    }
}

set_up_vswitch_taps() {
    start_vswitch "$1" '{ tap: cli, offload: true }' '{ tap: srv, offload: true }' && move_taps
}

set_up_vswitch_veths() {
    make_veths && start_vswitch 2 '{ interface: sw-cli }' '{ interface: sw-srv }'
}

# ---- The Linux kernel: bridge; bridge with connection tracking; router with 1:1 NAT

nft_rules() {
    local i
    for ((i = 1; i <= filler_rules; i++)); do
        echo "ip saddr 172.16.$i.0/24 tcp dport $((8000 + i * 10))-$((8000 + i * 10 + 5)) accept"
        echo "ip saddr 172.17.$i.0/24 udp dport $((8000 + i * 10))-$((8000 + i * 10 + 5)) accept"
    done
    echo "tcp dport $first_port-$last_port accept"
    echo "udp dport $first_port-$last_port accept"
}

nft_ruleset() {
    echo "table ip bench {"
    if [ "$scenario" = eip ]; then
        echo "chain before { type nat hook prerouting priority -100; ip daddr $elastic_ip dnat to $inside_server; }"
        echo "chain after { type nat hook postrouting priority 100; ip saddr $inside_server oifname sw-cli snat to $elastic_ip; }"
    fi
    echo "chain between { type filter hook forward priority 0; policy drop;"
    echo "ct state established,related accept; ct state invalid drop;"
    nft_rules
    echo "}"
    echo "}"
}

set_up_linux() {
    local sw=$prefix-$peer-sw
    make_veths || return 1
    if [ "$scenario" = eip ]; then
        in_switch sysctl -qw net.ipv4.ip_forward=1 &&
            ip -n "$sw" link set sw-cli address "$outside_mac" &&
            ip -n "$sw" link set sw-srv address "$gateway_mac" &&
            ip -n "$sw" addr add "$outside_gateway/24" dev sw-cli &&
            ip -n "$sw" addr add "$inside_gateway/24" dev sw-srv &&
            ip -n "$sw" neigh replace "$outside_client" lladdr "$client_mac" dev sw-cli nud permanent &&
            ip -n "$sw" neigh replace "$inside_server" lladdr "$server_mac" dev sw-srv nud permanent || return 1
    else
        ip -n "$sw" link add bridge type bridge && ip -n "$sw" link set bridge up &&
            ip -n "$sw" link set sw-cli master bridge && ip -n "$sw" link set sw-srv master bridge || return 1
    fi
    # Bridged frames pass the IP hooks only where this is on (module br_netfilter).
    if [ "$scenario" = sg ]; then
        modprobe -q br_netfilter 2>/dev/null
        in_switch sysctl -qw net.bridge.bridge-nf-call-iptables=1 || return 1
    fi
    [ "$scenario" = l2 ] || { nft_ruleset >"$work/$peer-$scenario.nft" && in_switch nft -f "$work/$peer-$scenario.nft"; }
}

# ---- Open vSwitch, userspace datapath, over TAPs of its own making

ovs_rules() {
    local action=$1 i
    for ((i = 1; i <= filler_rules; i++)); do
        echo "table=1,priority=100,ct_state=+trk+new,tcp,nw_src=172.16.$i.0/24,tp_dst=$((8000 + i * 10))/0xfff8,actions=$action"
        echo "table=1,priority=100,ct_state=+trk+new,udp,nw_src=172.17.$i.0/24,tp_dst=$((8000 + i * 10))/0xfff8,actions=$action"
    done
    # A flow has masks, not ranges: 4096 to 12287 is the nearest to the ports of the traffic.
    local protocol
    for protocol in tcp udp; do
        echo "table=1,priority=90,ct_state=+trk+new,$protocol,tp_dst=0x1000/0xf000,actions=$action"
        echo "table=1,priority=90,ct_state=+trk+new,$protocol,tp_dst=0x2000/0xf000,actions=$action"
    done
    echo "table=1,priority=0,actions=drop"
}

# Port 1 is the client's, port 2 the server's.
ovs_flows() {
    local inward outward
    case $scenario in
        l2) echo "table=0,actions=NORMAL" ;;
        sg)
            echo "table=0,priority=10,arp,actions=NORMAL"
            echo "table=0,priority=10,ip,actions=ct(table=1,zone=1)"
            echo "table=1,priority=200,ct_state=+trk+est,ip,actions=NORMAL"
            echo "table=1,priority=200,ct_state=+trk+rel,ip,actions=NORMAL"
            echo "table=1,priority=200,ct_state=+trk+inv,ip,actions=drop"
            ovs_rules "ct(commit,zone=1),NORMAL"
            ;;
        eip)
            inward="mod_dl_src:$gateway_mac,mod_dl_dst:$server_mac,dec_ttl,output:2"
            outward="mod_dl_src:$outside_mac,mod_dl_dst:$client_mac,dec_ttl,output:1"
            echo "table=0,priority=10,in_port=1,ip,nw_dst=$elastic_ip,actions=ct(zone=2,nat,table=1)"
            echo "table=0,priority=10,in_port=2,ip,nw_src=$inside_server,actions=ct(zone=2,nat,table=2)"
            echo "table=1,priority=200,ct_state=+trk+est,ip,actions=$inward"
            echo "table=1,priority=200,ct_state=+trk+inv,ip,actions=drop"
            echo "table=2,priority=200,ct_state=+trk+est,ip,actions=$outward"
            echo "table=2,priority=100,ct_state=+trk+new,ip,actions=ct(commit,zone=2,nat(src=$elastic_ip)),$outward"
            ovs_rules "ct(commit,zone=2,nat(dst=$inside_server)),$inward"
            ;;
    esac
}

# In a folder and a namespace of its own: the system's Open vSwitch, if one runs, is neither asked nor touched.
set_up_ovs() {
    local folder=$work/ovs-$scenario name number=0
    local -x OVS_RUNDIR=$folder OVS_LOGDIR=$folder OVS_DBDIR=$folder OVS_SYSCONFDIR=$folder
    local ask=(ovs-vsctl "--db=unix:$folder/db.sock" --timeout=20)
    mkdir -p "$folder"
    ovsdb-tool create "$folder/conf.db" "$ovs_schema" || return 1
    start_in_switch "$folder/log" ovsdb-server "$folder/conf.db" "--remote=punix:$folder/db.sock" --pidfile
    wait_until "$started" test -S "$folder/db.sock" && "${ask[@]}" --no-wait init || return 1
    start_in_switch "$folder/log" "$ovs_vswitchd" "unix:$folder/db.sock" --pidfile
    switch_of["$peer"]=$started
    "${ask[@]}" add-br bridge -- set bridge bridge datapath_type=netdev fail-mode=secure || return 1
    for name in cli srv; do
        number=$((number + 1))
        "${ask[@]}" add-port bridge "$name" -- set interface "$name" type=tap "ofport_request=$number" || return 1
    done
    move_taps || return 1
    ovs_flows >"$folder/flows"
    ovs-ofctl add-flows "$folder/bridge.mgmt" "$folder/flows"
}

# ---- The bare relay

set_up_relay() {
    local log=$work/$peer-$scenario.log
    start_in_switch "$log" "$bin/relay" cli srv "$1" "$2"
    switch_of["$peer"]=$started
    wait_until "$started" grep -q '^ready' "$log" && move_taps
}

set_up_peer() {
    make_namespaces || return 1
    case $peer in
        vswitch) set_up_vswitch_taps 2 ;;
        vswitch-1w) set_up_vswitch_taps 1 ;;
        vswitch-veth) set_up_vswitch_veths ;;
        linux) set_up_linux ;;
        ovs) set_up_ovs ;;
        relay-plain) set_up_relay plain 1 ;;
        relay-2q) set_up_relay plain 2 ;;
        relay-uring) set_up_relay uring 1 ;;
    esac && set_up_guests
}

# Without segmentation offload: the guests send and get frames of at most their MTU. For veths the switch's ends too, which would
# else join what the guest had cut.
turn_offload_off() {
    local end
    for end in c:cli s:srv sw:sw-cli sw:sw-srv; do
        ip netns exec "$prefix-$peer-${end%:*}" ethtool -K "${end#*:}" tso off gso off gro off >/dev/null 2>&1
    done
    return 0
}

end_processes() {
    local process
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null
    done
    for process in "${processes[@]}"; do
        # Ten seconds to remove what it made, then without asking.
        timeout 10 tail --pid="$process" -f /dev/null || kill -9 "$process" 2>/dev/null
        wait "$process" 2>/dev/null
    done
    processes=()
}

remove_namespaces() {
    local ns
    for ns in /run/netns/"$prefix"-*; do
        [ -e "$ns" ] && ip netns delete "$(basename "$ns")"
    done
    return 0
}
