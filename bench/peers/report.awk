# Samples to tables. awk -v format=markdown|json -f report.awk MACHINE SAMPLES
#   MACHINE: lines "KEY TEXT"; SAMPLES: lines "SCENARIO PEER METRIC VALUE", one for each run.
BEGIN {
    split("l2 sg eip", scenarios, " ")
    split("vswitch vswitch-1w vswitch-veth linux ovs relay-plain relay-2q relay-uring", peers, " ")
    name["vswitch"] = "VSwitch, TAP, 2 workers"; name["vswitch-1w"] = "VSwitch, TAP, 1 worker"
    name["vswitch-veth"] = "VSwitch, veth by AF_PACKET, 2 workers"; name["linux"] = "Linux, veth"
    name["ovs"] = "Open vSwitch userspace, TAP"; name["relay-plain"] = "bare relay, TAP, read and write"
    name["relay-2q"] = "bare relay, TAP, 2 queues"; name["relay-uring"] = "bare relay, TAP, io_uring"
    what["l2"] = "l2: a subnet"; what["sg"] = "sg: security groups of 50 rules"; what["eip"] = "eip: 1:1 NAT and 50 rules"

    # Name, heading, decimals, and whether less is better.
    metric(1, "tcp_gbps", "TCP, 1 stream (Gbit/s)", 2, 0)
    metric(2, "plain_gbps", "TCP without offload (Gbit/s)", 2, 0)
    metric(3, "udp_kpps", "UDP 64 B, at most 0.5 % lost (kpps)", 0, 0)
    metric(4, "udp_zero_loss_kpps", "UDP 64 B, nothing lost (kpps)", 0, 0)
    metric(5, "udp_flood_kpps", "UDP 64 B, flood, delivered (kpps)", 0, 0)
    metric(6, "connections_per_s", "TCP connections (1/s)", 0, 0)
    metric(7, "rtt_p50_us", "UDP round trip p50 (us)", 1, 1)
    metric(8, "rtt_p99_us", "UDP round trip p99 (us)", 1, 1)
    metric(9, "idle_pct", "idle (% of a core)", 2, 1)
    metricCount = 9

    # The specification's table over TAP (performance.md): what must be reached is a multiple of Open vSwitch over TAP in the same
    # run. Targets that no peer of this run can give are that table's figures, of the same kind of machine: VPP 26.06 over
    # AF_PACKET for TCP, Open vSwitch over AF_XDP without offload and for small frames.
    must["tcp_gbps"] = 8; must["plain_gbps"] = 1.5; must["udp_kpps"] = must["udp_flood_kpps"] = 2
    must["connections_per_s"] = 1.5; must["rtt_p50_us"] = 1
    target["tcp_gbps", "l2"] = target["tcp_gbps", "sg"] = target["tcp_gbps", "eip"] = 13
    target["plain_gbps", "l2"] = 2.5; target["plain_gbps", "sg"] = 2.3; target["plain_gbps", "eip"] = 1.8
    # That table counted what was delivered under a flood; the rate with next to no loss is held to the same.
    target["udp_flood_kpps", "l2"] = target["udp_kpps", "l2"] = 307
    target["udp_flood_kpps", "sg"] = target["udp_kpps", "sg"] = 250
    target["udp_flood_kpps", "eip"] = target["udp_kpps", "eip"] = 270
    target["rtt_p50_us", "l2"] = target["rtt_p50_us", "sg"] = target["rtt_p50_us", "eip"] = 40
    relayShare = 0.9
}

function metric(i, key, heading, digits, lessIsBetter) {
    metrics[i] = key; headings[key] = heading; decimals[key] = digits; less[key] = lessIsBetter
}

FNR == NR {
    key = $1
    sub(/^[^ ]+ /, "")
    machine[key] = $0
    next
}

{
    k = $1 SUBSEP $2 SUBSEP $3
    values[k, ++count[k]] = $4 + 0
    if (!(($1, $2) in present)) present[$1, $2] = 1
    if ($3 == "failures") failed[++failures] = $1 " " $2
}

# Sorted by insertion: there are three.
function sorted(k,    i, j, v) {
    for (i = 2; i <= count[k]; i++) {
        v = values[k, i]
        for (j = i - 1; j > 0 && values[k, j] > v; j--) values[k, j + 1] = values[k, j]
        values[k, j + 1] = v
    }
}

function median(scenario, peer, m,    k, n) {
    k = scenario SUBSEP peer SUBSEP m
    n = count[k]
    if (n == 0) return -1
    sorted(k)
    return n % 2 ? values[k, (n + 1) / 2] : (values[k, n / 2] + values[k, n / 2 + 1]) / 2
}

function figure(v, m) { return sprintf("%." decimals[m] "f", v) }

function cell(scenario, peer, m,    v, k) {
    v = median(scenario, peer, m)
    if (v < 0) return "-"
    k = scenario SUBSEP peer SUBSEP m
    return count[k] == 1 ? figure(v, m) : figure(v, m) " (" figure(values[k, 1], m) "-" figure(values[k, count[k]], m) ")"
}

# How many times better a is than b; -1 when one of them is missing.
function better(a, b, m) {
    if (a < 0 || b < 0 || (less[m] ? a : b) <= 0) return -1
    return less[m] ? b / a : a / b
}

function times(ratio) { return ratio < 0 ? "-" : sprintf(ratio < 10 ? "%.2f" : "%.1f", ratio) }

# The best of the relays; they run in the l2 scenario only, because they look at nothing.
function bestRelay(m,    i, v, best) {
    best = -1
    for (i = 6; i <= 8; i++) {
        v = median("l2", peers[i], m)
        if (v >= 0 && (best < 0 || (less[m] ? v < best : v > best))) best = v
    }
    return best
}

# New connections: the kernel with connection tracking, which its plain bridge does not do.
function targetOf(m, scenario) {
    if (m == "connections_per_s") return median(scenario == "l2" ? "sg" : scenario, "linux", m)
    return ((m, scenario) in target) ? target[m, scenario] : -1
}

function bold(text, missed) { return missed ? "**" text "**" : text }

function writeTables(    s, i, j, line, rule) {
    for (s = 1; s <= 3; s++) {
        line = "| " what[scenarios[s]]; rule = "| ---"
        for (j = 1; j <= metricCount; j++) { line = line " | " headings[metrics[j]]; rule = rule " | ---" }
        any = 0
        for (i = 1; i <= 8; i++) {
            if (!((scenarios[s], peers[i]) in present)) continue
            if (!any++) { print line " |"; print rule " |" }
            row = "| " name[peers[i]]
            for (j = 1; j <= metricCount; j++) row = row " | " cell(scenarios[s], peers[i], metrics[j])
            print row " |"
        }
        if (any) print ""
    }
}

# A line for each figure that performance.md has a "must" for.
function writeRatios(    s, j, m, a, ovs, linux, relay, goal) {
    print "| VSwitch over TAP, 2 workers | | figure | times Open vSwitch | must | times Linux | of the best relay | must | target |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (j = 1; j <= metricCount; j++) {
        m = metrics[j]
        if (!(m in must)) continue
        for (s = 1; s <= 3; s++) {
            a = median(scenarios[s], "vswitch", m)
            if (a < 0) continue
            ovs = better(a, median(scenarios[s], "ovs", m), m)
            linux = better(a, median(scenarios[s], "linux", m), m)
            relay = better(a, bestRelay(m), m)
            goal = targetOf(m, scenarios[s])
            printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", headings[m], scenarios[s], figure(a, m),
                bold(times(ovs), ovs >= 0 && ovs < must[m]), must[m], times(linux),
                bold(times(relay), relay >= 0 && relay < relayShare), relayShare,
                goal < 0 ? "-" : bold(figure(goal, m), better(a, goal, m) < 1)
            note(ovs / must[m], ovs, headings[m] ", " scenarios[s] ": " times(ovs) " times Open vSwitch, must " must[m])
            note(relay / relayShare, relay, headings[m] ", " scenarios[s] ": " times(relay) " of the best relay, must " relayShare)
        }
    }
    print ""
}

# Keeps what is farthest below its "must".
function note(share, known, text) {
    if (known < 0) return
    shares[++notes] = share; texts[notes] = text
}

function writeWorst(    n, i, low, best) {
    print "The worst cells, against their \"must\":"
    print ""
    for (n = 0; n < 5 && n < notes; n++) {
        best = 0
        for (i = 1; i <= notes; i++) if (!(i in told) && (!best || shares[i] < shares[best])) best = i
        told[best] = 1
        printf "- %s (%.2f of it)\n", texts[best], shares[best]
    }
    print ""
}

function writeOthers(    i, j, s, m, line) {
    print "Times Open vSwitch / times Linux, the other ways to attach:"
    print ""
    line = "| | "
    for (j = 1; j <= metricCount; j++) if (metrics[j] in must) line = line "| " headings[metrics[j]] " "
    print line "|"
    gsub(/\|[^|]*/, "| --- ", line); print line "|"
    for (i = 2; i <= 3; i++) {
        for (s = 1; s <= 3; s++) {
            if (!((scenarios[s], peers[i]) in present)) continue
            line = "| " name[peers[i]] " | " scenarios[s]
            for (j = 1; j <= metricCount; j++) {
                m = metrics[j]
                if (!(m in must)) continue
                line = line " | " times(better(median(scenarios[s], peers[i], m), median(scenarios[s], "ovs", m), m)) " / " \
                    times(better(median(scenarios[s], peers[i], m), median(scenarios[s], "linux", m), m))
            }
            print line " |"
        }
    }
    print ""
}

function writeMarkdown(    i) {
    print "# VSwitch and its peers, one run"
    print ""
    print "Written by `bench/peers/run`; what is compared with what: `bench/peers/README.md`. Medians of " machine["rounds"] \
        " runs that went round, lowest and highest in brackets."
    print ""
    print "- " machine["date"] ", commit " machine["commit"] "; .NET SDK " machine["dotnet"]
    print "- " machine["processor"] "; kernel " machine["kernel"] "; others took " machine["others"] " % of a processor before it began"
    print "- Open vSwitch " machine["ovs"] " (userspace datapath), nftables " machine["nftables"]
    print "- seconds a run: " machine["seconds"]
    print ""
    writeTables()
    print "Times better: above 1 VSwitch is ahead, also where less is better. Bold: missed."
    print ""
    writeRatios()
    if (notes) writeWorst()
    writeOthers()
    for (i = 1; i <= failures; i++) print "FAILED: " failed[i] ((i == failures) ? "\n" : "")
}

function quoted(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return "\"" text "\"" }

function writeJson(    k, parts, separator, v, i, list) {
    print "{"
    n = split("date commit processor kernel ovs nftables dotnet others rounds seconds", list, " ")
    for (i = 1; i <= n; i++) printf "  %s: %s,\n", quoted(list[i]), quoted(machine[list[i]])
    print "  \"rows\": ["
    separator = ""
    for (s = 1; s <= 3; s++) for (i = 1; i <= 8; i++) for (j = 1; j <= total; j++) {
        k = scenarios[s] SUBSEP peers[i] SUBSEP order[j]
        if (!count[k]) continue
        v = median(scenarios[s], peers[i], order[j])
        printf "%s    { \"scenario\": %s, \"peer\": %s, \"metric\": %s, \"median\": %s, \"min\": %s, \"max\": %s, \"runs\": %d }",
            separator, quoted(scenarios[s]), quoted(peers[i]), quoted(order[j]), v, values[k, 1], values[k, count[k]], count[k]
        separator = ",\n"
    }
    print "\n  ],\n  \"ratios\": ["
    separator = ""
    for (i = 1; i <= 3; i++) for (s = 1; s <= 3; s++) for (j = 1; j <= metricCount; j++) {
        m = metrics[j]
        v = median(scenarios[s], peers[i], m)
        if (v < 0 || !(m in must)) continue
        printf "%s    { \"scenario\": %s, \"peer\": %s, \"metric\": %s, \"timesOvs\": %s, \"timesLinux\": %s, \"timesRelay\": %s, \"must\": %s }",
            separator, quoted(scenarios[s]), quoted(peers[i]), quoted(m), known(better(v, median(scenarios[s], "ovs", m), m)),
            known(better(v, median(scenarios[s], "linux", m), m)), known(better(v, bestRelay(m), m)), must[m]
        separator = ",\n"
    }
    print "\n  ]\n}"
}

function known(ratio) { return ratio < 0 ? "null" : sprintf("%.3f", ratio) }

END {
    if (format == "json") {
        # Every metric that came, also those that no table has.
        for (k in count) {
            split(k, part, SUBSEP)
            if (!(part[3] in seen)) { seen[part[3]] = 1; order[++total] = part[3] }
        }
        writeJson()
    } else {
        writeMarkdown()
    }
}
