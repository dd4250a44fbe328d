using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Bench.Throughput;

/// <summary>Which end of a connection sends a packet of its life, and with which flags.</summary>
internal readonly record struct LifeStep(bool FromOpener, TcpFlags Flags, uint Sequence, uint Acknowledgment);

/// <summary>A switch of one worker in memory and the packets of any number of TCP connections through it: 32 ENIs, each with an
/// EIP, in a group whose rules are of many prefix lengths; the rule that lets the bench's packets pass is one of them.
/// Scenarios: <c>sg</c>, an ENI to another (rules at both ends); <c>eip</c>, half of the ENIs open to the outside and half are
/// reached from there; <c>hairpin</c>, an ENI to another's EIP (rules and a translation at both ends).</summary>
internal sealed unsafe class NewConnectionLab : IDisposable
{
    public const int Enis = 32;

    /// <summary>Connections of one ENI that differ only in their port.</summary>
    public const int Ports = 64 * 937;

    private const int Burst = 64;
    private const int FrameBytes = 64;
    private const int FirstPort = 1024;
    private const int Remotes = 16;

    /// <summary>From SYN to the last ACK; the connection is in TIME_WAIT after it.</summary>
    public static readonly LifeStep[] Life =
    [
        new(true, TcpFlags.Syn, 0, 0),
        new(false, TcpFlags.Syn | TcpFlags.Ack, 0, 1),
        new(true, TcpFlags.Ack, 1, 1),
        new(true, TcpFlags.Fin | TcpFlags.Ack, 1, 1),
        new(false, TcpFlags.Fin | TcpFlags.Ack, 1, 2),
        new(true, TcpFlags.Ack, 2, 2),
    ];

    private static readonly MacAddress Outside = new(0x0200_0000_9901);
    private readonly string _scenario;
    private readonly HugeMemory _templates = new(Enis * Remotes * 6 * FrameBytes);
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;

    public NewConnectionLab(string scenario, int rules, int capacity)
    {
        _scenario = scenario;
        Config = ConfigOf(rules, capacity);
        Numbers = new NumberDirectory();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(Config, Numbers);
        Snapshot = snapshot;
        _shared = new SwitchShared(snapshot, new FlowBudget(capacity, 1024), 64, (0x1111, 0x2222));
        var sizes = new WorkerOptions { SmallBuffers = 2048, LargeBuffers = 4, PortCapacity = snapshot.PortCount };
        _workers = new WorkerSet(1, _shared, sizes, Config.Switch.RssKey, null);
        Worker = _workers.Workers[0];
        Publish(snapshot);
        for (int eni = 0; eni < Enis; eni++)
        {
            for (int remote = 0; remote < Remotes; remote++)
            {
                for (int step = 0; step < Life.Length; step++)
                {
                    WriteTemplate(TemplateOf(eni, remote, step), eni, remote, Life[step]);
                }
            }
        }
    }

    public SwitchConfig Config { get; }

    public NumberDirectory Numbers { get; }

    /// <summary>The snapshot that the lab began with.</summary>
    public ForwardingSnapshot Snapshot { get; }

    public Worker Worker { get; }

    /// <summary>The time of the next packets, nanoseconds.</summary>
    public long NowNs { get; set; } = 1_000_000_000;

    public int ConnectionCount => Worker.Pipeline.Connections.Count;

    public void Publish(ForwardingSnapshot snapshot)
    {
        var devices = new IPacketDevice?[snapshot.PortCount];
        Array.Fill(devices, new Sink());
        _shared.Publish(snapshot, devices);
    }

    /// <summary>Sends one step of connections <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> of each
    /// ENI (count a multiple of 64), in bursts of 64 of one port.</summary>
    public void Send(int step, int first, int count)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[Burst];
        for (int at = first; at < first + count; at += Burst)
        {
            for (int eni = 0; eni < Enis; eni++)
            {
                Worker.Pipeline.Begin(NowNs, Burst);
                int port = Fill(list, eni, step, at);
                Worker.Pipeline.Process(list, Burst, port);
                Worker.Pipeline.Flush();
            }
        }
    }

    /// <summary>What making the packets of <see cref="Send"/> costs.</summary>
    public void MakeOnly(int step, int first, int count)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[Burst];
        for (int at = first; at < first + count; at += Burst)
        {
            for (int eni = 0; eni < Enis; eni++)
            {
                Fill(list, eni, step, at);
                for (int i = 0; i < Burst; i++)
                {
                    Worker.Pool.Return(list[i]);
                }
            }
        }
    }

    /// <summary>Moves time on and takes out what has expired.</summary>
    public void Wait(long milliseconds)
    {
        NowNs += milliseconds * 1_000_000;
        Worker.Pipeline.Begin(NowNs, int.MaxValue);
    }

    public long ForwardedCount()
    {
        long sum = 0;
        for (int port = 0; port < Worker.Counters.PortCapacity; port++)
        {
            sum += Worker.Counters.Ports[port].Forwarded;
        }

        return sum;
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
        _templates.Dispose();
    }

    /// <summary>The configuration with a group of that many rules in each direction.</summary>
    public static SwitchConfig ConfigOf(int rules, int capacity) => new()
    {
        Switch = new SwitchSettings { ConnectionCapacity = capacity },
        Internet = new InternetConfig
        {
            Addresses = [IpPrefix.Parse("198.51.100.1/24")],
            Routes = [new InternetRouteConfig(IpPrefix.Parse("0.0.0.0/0"), IpAddress.Parse("198.51.100.254"), default)],
            Neighbors = new Dictionary<IpAddress, MacAddress> { [IpAddress.Parse("198.51.100.254")] = Outside },
        },
        Vpcs =
        [
            new VpcConfig
            {
                Name = "v",
                Cidrs = [IpPrefix.Parse("10.0.0.0/16")],
                Subnets =
                [
                    new SubnetConfig { Name = "a", Cidrs = [IpPrefix.Parse("10.0.1.0/24")] },
                    new SubnetConfig { Name = "b", Cidrs = [IpPrefix.Parse("10.0.2.0/24")] },
                ],
                RouteTables =
                [
                    new RouteTableConfig { Name = "m", Main = true, Routes = [new RouteConfig(IpPrefix.Parse("0.0.0.0/0"), "internet", default)] },
                ],
            },
        ],
        SecurityGroups = [GroupOf(rules)],
        Enis = [.. Enumerable.Range(0, Enis).Select(i => new EniConfig
        {
            Name = $"e{i}", Subnet = i % 2 == 0 ? "a" : "b", Mac = MacOf(i), PrivateIps = [PrivateOf(i)], SecurityGroups = ["g"],
        })],
        ElasticIps = [.. Enumerable.Range(0, Enis).Select(i => new ElasticIpConfig { Name = $"x{i}", Address = EipOf(i), Eni = $"e{i}" })],
    };

    /// <summary>A group whose rules are spread over protocols, prefix lengths, ports and ranges; the last three let the bench's
    /// packets pass: the VPC, the remote networks and the EIPs.</summary>
    public static SecurityGroupConfig GroupOf(int rules)
    {
        var list = new List<RuleConfig>();
        for (int i = 0; i < rules - 3; i++)
        {
            int length = 16 + (i % 17);
            var network = new IpPrefix(IpAddress.V4(0xAC10_0000u + ((uint)i * 40_503u % 0x0010_0000u)), length);
            ushort port = (ushort)(1 + (i * 7 % 60_000));
            list.Add(RuleOf(new IpPrefix(network.Network, length), i % 4 == 3 ? (byte)17 : (byte)6, port, (ushort)(port + (i % 3 == 0 ? 100 : 0))));
        }

        list.Add(RuleOf(IpPrefix.Parse("10.0.0.0/16"), 6, 1, 65535));
        list.Add(RuleOf(IpPrefix.Parse("198.18.0.0/15"), 6, 1, 65535));
        list.Add(RuleOf(IpPrefix.Parse("203.0.113.0/24"), 6, 1, 65535));
        list.RemoveRange(0, Math.Max(0, list.Count - rules));
        RuleConfig[] all = rules >= 3 ? [.. list] : [RuleOf(IpPrefix.Parse("0.0.0.0/0"), 6, 1, 65535)];
        return new SecurityGroupConfig { Name = "g", Vpc = "v", Ingress = all, Egress = all };
    }

    public static RuleConfig RuleOf(IpPrefix prefix, byte protocol, ushort first, ushort last) =>
        new() { Protocol = protocol, Ports = [new PortRange(first, last)], Peer = new PeerConfig(prefix, null, null) };

    private bool OpensOutside(int eni) => _scenario == "eip" && eni % 2 == 1;

    private int Fill(PacketBuffer** list, int eni, int step, int at)
    {
        int remote = at / Ports;
        byte* template = TemplateOf(eni, remote, step);
        bool fromOpener = Life[step].FromOpener;
        int portAt = fromOpener ? 34 : 36;
        for (int i = 0; i < Burst; i++)
        {
            PacketBuffer* p = Worker.Pool.Rent();
            Buffer.MemoryCopy(template, p->Data, FrameBytes, FrameBytes);
            int number = FirstPort + ((at + i) % Ports);
            p->Data[portAt] = (byte)(number >> 8);
            p->Data[portAt + 1] = (byte)number;
            p->Length = FrameBytes;
            list[i] = p;
        }

        return _scenario switch
        {
            "eip" => fromOpener == OpensOutside(eni) ? 0 : eni + 1,
            _ => fromOpener ? eni + 1 : PeerOf(eni) + 1,
        };
    }

    private byte* TemplateOf(int eni, int remote, int step) =>
        _templates.Address + (((((nint)eni * Remotes) + remote) * Life.Length) + step) * FrameBytes;

    private void WriteTemplate(byte* to, int eni, int remote, LifeStep step)
    {
        IpAddress opener;
        IpAddress target;
        IpAddress seenOpener;
        IpAddress answerer;
        int peer = PeerOf(eni);
        var far = IpAddress.V4(0xC612_0000u + (uint)remote + 1);
        switch (_scenario)
        {
            case "eip" when OpensOutside(eni):
                (opener, target, seenOpener, answerer) = (far, EipOf(eni), far, PrivateOf(eni));
                break;
            case "eip":
                (opener, target, seenOpener, answerer) = (PrivateOf(eni), far, EipOf(eni), far);
                break;
            case "hairpin":
                (opener, target, seenOpener, answerer) = (PrivateOf(eni), EipOf(peer), EipOf(eni), PrivateOf(peer));
                break;
            default:
                (opener, target, seenOpener, answerer) = (PrivateOf(eni), PrivateOf(peer), PrivateOf(eni), PrivateOf(peer));
                break;
        }

        bool isOutside = _scenario == "eip" && step.FromOpener == OpensOutside(eni);
        MacAddress source = isOutside ? Outside : MacOf(step.FromOpener || _scenario == "eip" ? eni : peer);
        var frame = new Span<byte>(to, FrameBytes);
        frame.Clear();
        (isOutside ? Config.Internet!.Mac : Config.Switch.GatewayMac).Write(frame);
        source.Write(frame[6..]);
        frame[12] = 0x08;
        Span<byte> ip = frame[14..34];
        ip[0] = 0x45;
        ip[3] = 40;
        ip[8] = 64;
        ip[9] = 6;
        (step.FromOpener ? opener : answerer).Write(ip[12..]);
        (step.FromOpener ? target : seenOpener).Write(ip[16..]);
        ushort checksum = InternetChecksum.Compute(ip);
        ip[10] = (byte)(checksum >> 8);
        ip[11] = (byte)checksum;
        Span<byte> tcp = frame[34..];
        int service = 443 + (_scenario == "eip" ? 0 : remote);
        int serviceAt = step.FromOpener ? 2 : 0;
        tcp[serviceAt] = (byte)(service >> 8);
        tcp[serviceAt + 1] = (byte)service;
        tcp[7] = (byte)step.Sequence;
        tcp[11] = (byte)step.Acknowledgment;
        tcp[12] = 0x50;
        tcp[13] = (byte)step.Flags;
        tcp[14] = 0x7F;
        tcp[15] = 0xFF;
    }

    private static int PeerOf(int eni) => eni ^ 1;

    private static MacAddress MacOf(int i) => new(0x0200_0000_0100UL + (ulong)i);

    private static IpAddress PrivateOf(int i) => IpAddress.V4((i % 2 == 0 ? 0x0A00_0100u : 0x0A00_0200u) + 10 + (uint)i);

    private static IpAddress EipOf(int i) => IpAddress.V4(0xCB00_7100u + (uint)i + 1);

    /// <summary>Takes everything.</summary>
    private sealed class Sink : IPacketDevice
    {
        public string Name => "sink";

        public DeviceCapabilities Capabilities { get; } = new(1, 65535, Offload: true);

        public DeviceStatus Status { get; } = new();

        public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

        public int Transmit(int queue, PacketBuffer** packets, int count) => count;

        public int PollHandle(int queue) => -1;

        public void Dispose()
        {
        }
    }
}
