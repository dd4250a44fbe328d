using System.Buffers.Binary;
using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Tap;
using VSwitch.Lab;
using VSwitch.Testing;
using VSwitch.Testing.Differential;
using VSwitch.Wire;

namespace VSwitch.SystemTests.Differential;

/// <summary>The Linux kernel as the router of a configuration whose ENIs each have a subnet of their own: a namespace with a
/// TAP for each ENI, neighbours by hand, nftables with the same rules, connection tracking as strict as the switch's.
/// The namespace goes with it.</summary>
internal sealed unsafe class KernelRouter : IDisposable
{
    private const string Namespace = "vk-router";
    private const ushort MarkerPort = TrialPolicy.MarkerPort;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly SwitchConfig _config;
    private readonly Dictionary<string, TapDevice> _taps = [];
    private readonly PacketPool _pool = new(0, 256, 0);
    private uint _markers;

    public KernelRouter(SwitchConfig config, TimeSpan timeout)
    {
        _config = config;
        LabProcess.TryIp("netns", "delete", Namespace);
        LabProcess.Ip("netns", "add", Namespace);
        try
        {
            NamespaceThread.Run(Namespace, () =>
            {
                Configure(timeout);
                return true;
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Sends frames in their order and gives what came out, by port, once all of them are through.</summary>
    public List<(string Port, byte[] Frame)> Send(IEnumerable<(string Port, byte[] Frame)> frames)
    {
        foreach ((string port, byte[] frame) in frames)
        {
            Write(port, frame);
        }

        // Markers between all pairs: what is behind them on a port is behind every frame of the batch.
        var awaited = new HashSet<(string Port, uint Number)>();
        foreach (EniConfig from in _config.Enis)
        {
            foreach (EniConfig to in _config.Enis.Where(to => to != from))
            {
                awaited.Add((to.Name, ++_markers));
                Write(from.Name, Marker(from, to, _markers));
            }
        }

        var received = new List<(string Port, byte[] Frame)>();
        long began = Stopwatch.GetTimestamp();
        var wait = new SpinWait();
        while (awaited.Count > 0)
        {
            if (!Drain(received, awaited))
            {
                wait.SpinOnce();
            }

            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new InvalidOperationException(
                    $"{awaited.Count} markers did not come through the kernel within {Patience.TotalSeconds} s");
            }
        }

        return received;
    }

    public void Dispose()
    {
        foreach (TapDevice tap in _taps.Values)
        {
            tap.Dispose();
        }

        _pool.Dispose();
        LabProcess.TryIp("netns", "delete", Namespace);
    }

    private static string InterfaceOf(string eni) => "vk-" + eni;

    private static byte[] Marker(EniConfig from, EniConfig to, uint number)
    {
        byte[] text = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(text, number);
        return PacketBuilder.Eth(from.Mac, new SwitchSettings().GatewayMac).IPv4(from.PrivateIps[0], to.PrivateIps[0])
            .Udp(MarkerPort, MarkerPort).Payload(text).Build();
    }

    private static uint? MarkerNumber(ReadOnlySpan<byte> frame) =>
        frame.Length == 46 && frame[12] == 8 && frame[23] == 17 &&
        BinaryPrimitives.ReadUInt16BigEndian(frame[36..]) == MarkerPort
            ? BinaryPrimitives.ReadUInt32BigEndian(frame[42..])
            : null;

    private static void Set(string path, object value) => File.WriteAllText("/proc/sys/net/" + path, $"{value}\n");

    private static void RunHere(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", Namespace, program, .. arguments])
        {
            RedirectStandardError = true,
        })!;
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new IOException($"{program}: {said}");
        }
    }

    private static void WithFile(string text, Action<string> use)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            use(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private void Configure(TimeSpan timeout)
    {
        Set("ipv6/conf/default/accept_dad", 0);
        Set("ipv6/conf/default/addr_gen_mode", 1);
        Set("ipv4/conf/default/rp_filter", 0);
        Set("ipv4/conf/all/rp_filter", 0);
        foreach (EniConfig eni in _config.Enis)
        {
            _taps[eni.Name] = new TapDevice(new TapOptions(InterfaceOf(eni.Name), 1, Offload: false));
        }

        List<string> lines = [];
        foreach (EniConfig eni in _config.Enis)
        {
            string name = InterfaceOf(eni.Name);
            lines.Add($"link set {name} address {_config.Switch.GatewayMac} txqueuelen 1000 up");
            foreach (IpPrefix cidr in _config.Vpcs.SelectMany(vpc => vpc.Subnets).Single(subnet => subnet.Name == eni.Subnet).Cidrs)
            {
                IpAddress router = cidr.Address with { Bits = cidr.Address.Bits + 1 };
                lines.Add($"address add {router}/{cidr.Length} dev {name}{(cidr.IsV6 ? " nodad" : "")}");
            }

            lines.AddRange(eni.PrivateIps.Select(ip => $"neigh add {ip} lladdr {eni.Mac} dev {name} nud permanent"));
        }

        WithFile(string.Join('\n', lines) + "\n", path => LabProcess.Ip("-n", Namespace, "-batch", path));
        Set("ipv4/ip_forward", 1);
        Set("ipv6/conf/all/forwarding", 1);
        WithFile(NftRules.Of(_config, InterfaceOf), path => RunHere("nft", "-f", path));
        Set("netfilter/nf_conntrack_tcp_loose", 0);
        Set("netfilter/nf_conntrack_tcp_be_liberal", 0);
        foreach (string file in Directory.GetFiles("/proc/sys/net/netfilter", "nf_conntrack_*timeout*"))
        {
            Set("netfilter/" + Path.GetFileName(file), (int)timeout.TotalSeconds);
        }
    }

    private void Write(string port, ReadOnlySpan<byte> frame)
    {
        PacketBuffer* p = _pool.Rent();
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        int sent = _taps[port].Transmit(0, &p, 1);
        _pool.Return(p);
        if (sent != 1)
        {
            throw new IOException($"{_taps[port].Name} takes no frame: {_taps[port].Status.LastError}");
        }
    }

    private bool Drain(List<(string Port, byte[] Frame)> received, HashSet<(string Port, uint Number)> awaited)
    {
        bool isAny = false;
        PacketBuffer** packets = stackalloc PacketBuffer*[64];
        foreach ((string port, TapDevice tap) in _taps)
        {
            int count = tap.Receive(0, _pool, packets, 64);
            for (int i = 0; i < count; i++)
            {
                byte[] frame = new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length).ToArray();
                _pool.Return(packets[i]);
                if (MarkerNumber(frame) is { } number)
                {
                    awaited.Remove((port, number));
                }
                else
                {
                    received.Add((port, frame));
                }
            }

            isAny |= count > 0;
        }

        return isAny;
    }
}
