#!/usr/bin/env bash
# One end of the tunnel, in the namespace that it is called in: ipsec.sh router|outside FOLDER. Runs charon until it is ended (SIGTERM).
# What it says goes to FOLDER/charon.log; nothing is read or written outside FOLDER but the charon program and its plugins.
set -eu

end=$1 folder=$2
here=198.51.100.9 there=203.0.113.20 own=192.168.9.0/24 other=10.0.0.0/16 start=none
if [ "$end" = router ]; then
    here=10.0.2.20 there=198.51.100.9 own=10.0.0.0/16 other=192.168.9.0/24 start=start
fi
mkdir -p "$folder/swanctl"

cat >"$folder/strongswan.conf" <<CONF
charon {
    load = random nonce openssl pem pkcs1 x509 pubkey aes sha1 sha2 hmac kdf gcm gmp kernel-libipsec kernel-netlink socket-default vici updown
    filelog { log { path = $folder/charon.log, default = 1, flush_line = yes } }
    plugins {
        vici { socket = unix://$folder/charon.vici }
        kernel-netlink { fwmark = !0x42 }
        socket-default { fwmark = 0x42 }
        kernel-libipsec { allow_peer_ts = yes }
    }
}
CONF
cat >"$folder/swanctl/swanctl.conf" <<CONF
connections {
    site {
        version = 2
        encap = yes
        local_addrs = $here
        remote_addrs = $there
        proposals = aes128-sha256-curve25519, aes128-sha256-modp2048
        local { auth = psk, id = $end.lab }
        remote { auth = psk, id = $([ "$end" = router ] && echo outside || echo router).lab }
        children {
            nets { local_ts = $own, remote_ts = $other, start_action = $start, esp_proposals = aes128-sha256 }
        }
    }
}
secrets { ike-lab { secret = "only for this lab" } }
CONF
# Semicolons of one-line sections are not known to every release: one setting a line.
sed -i -E 's/\{ (filelog|log|auth|socket|fwmark|allow_peer_ts|local_ts|secret)/{\n\1/g; s/, (id|default|flush_line|remote_ts|start_action|esp_proposals) =/\n\1 =/g; s/ \}/\n}/g' \
    "$folder/strongswan.conf" "$folder/swanctl/swanctl.conf"

ip link set lo up
if [ "$end" = outside ]; then
    ip addr replace 192.168.9.1/32 dev lo
else
    sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
fi

# A pid file in its own folder, not the machine's.
export STRONGSWAN_CONF=$folder/strongswan.conf
unshare --mount sh -c '
    mkdir -p "$1/run" && mount --bind "$1/run" /run
    exec /usr/lib/ipsec/charon >"$1/output" 2>&1' sh "$folder" &
charon=$!
trap 'kill "$charon" 2>/dev/null; wait "$charon" 2>/dev/null; exit 0' TERM INT
tries=100
until [ -S "$folder/charon.vici" ]; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 "$charon" 2>/dev/null; then
        cat "$folder/output" "$folder/charon.log" 2>/dev/null >&2
        exit 1
    fi
    sleep 0.1
done
swanctl --load-all --noprompt --file "$folder/swanctl/swanctl.conf" --uri "unix://$folder/charon.vici" >>"$folder/output" 2>&1
echo ready
wait "$charon"
