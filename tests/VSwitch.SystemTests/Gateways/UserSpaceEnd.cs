using System.Diagnostics;
using Xunit;

namespace VSwitch.SystemTests.Gateways;

/// <summary>The far end of a VLAN or a GRE tunnel for kernels that have no device of that kind: a program of forty lines between a TUN or
/// TAP of the namespace and a socket, which puts the header of RFC 2784 and 2890 or the 802.1Q tag on by itself. All above it is the kernel's.
/// </summary>
internal sealed class UserSpaceEnd : IDisposable
{
    private const string Script = """
        import fcntl, os, select, socket, struct, sys
        kind, name, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1000 | (1 if kind == "gre" else 2)))
        if kind == "vlan":
            port, vid = rest[0], int(rest[1])
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.setsockopt(263, 8, 1)
            s.bind((port, 0))
            def wrap(frame): return frame[:12] + struct.pack("!HH", 0x8100, vid) + frame[12:]
            def receive():
                frame, said, _, address = s.recvmsg(70000, 64)
                if address[2] == 4: return None
                if frame[12:14] == b"\x81\x00":
                    return frame[:12] + frame[16:] if struct.unpack("!H", frame[14:16])[0] & 0xfff == vid else None
                for level, type, data in said:
                    status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
                    if level == 263 and type == 8 and status & 0x10 and tci & 0xfff == vid: return frame
        else:
            local, remote, key = rest[0], rest[1], int(rest[2])
            header = struct.pack("!HH", 0x2000 if key else 0, 0x0800 if kind == "gre" else 0x6558) + (struct.pack("!I", key) if key else b"")
            s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
            s.bind((local, 0))
            s.connect((remote, 0))
            def wrap(packet): return header + packet
            def receive():
                packet = s.recv(70000)
                packet = packet[(packet[0] & 15) * 4:]
                return packet[len(header):] if packet.startswith(header) else None
        print("ready", flush=True)
        while True:
            for ready in select.select([tun, s], [], [])[0]:
                try:
                    if ready is s:
                        if inner := receive(): os.write(tun, inner)
                    else:
                        s.send(wrap(os.read(tun, 70000)))
                except OSError:
                    pass
        """;

    private readonly Process _process;

    /// <summary>Starts it, and waits until its device is there.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="words">Kind (vlan, gre, gretap) and name of the device; then its port and VLAN, or both addresses and the key (0: none).</param>
    public UserSpaceEnd(LabFixture lab, params string[] words)
    {
        _process = lab.Start("internet", ["python3", "-u", "-c", Script, .. words]);
        Assert.Equal("ready", _process.StandardOutput.ReadLine());
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }
}
