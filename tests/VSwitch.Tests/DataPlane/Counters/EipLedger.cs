using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing.Reference;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Counters;

/// <summary>Which way an EIP's packet went.</summary>
internal enum MeterWay
{
    Sent,
    Received,
}

/// <summary>What EIPs must have counted, told from the addresses of what a switch sent, without any knowledge of connections. Good for
/// topologies where no ENI sends from addresses of others and no packet is cut.</summary>
internal sealed class EipLedger(SwitchConfig config)
{
    private const string Internet = "internet";
    private readonly Dictionary<(string Eip, MeterWay Way), MeterCounters> _counted = [];

    public SwitchConfig Config { get; set; } = config;

    /// <summary>Packets from EIP to EIP.</summary>
    public int HairpinPackets { get; private set; }

    /// <summary>Packets over a bandwidth of which it is known whose.</summary>
    public int KnownDrops { get; private set; }

    /// <summary>Packets over a bandwidth that had been held before, or that were over one of two.</summary>
    public int UnknownDrops { get; private set; }

    public MeterCounters Of(string eip, MeterWay way) => _counted.GetValueOrDefault((eip, way));

    /// <summary>EIPs that counted something.</summary>
    public int Busy(MeterWay way) => _counted.Count(c => c.Key.Way == way && c.Value.Packets > 0);

    /// <summary>Notes what became of a frame.</summary>
    public void Note(string port, byte[] frame, ReferenceOutcome outcome)
    {
        // What is said about a dropped packet, the reset for a client of an EIP's former holder, is the switch's own and nobody's traffic.
        bool isOwn = outcome.DropReason == DropReason.ConnectionInvalid;
        foreach ((string to, byte[] sent) in outcome.Sent.Where(s => !isOwn && IsIp4(s.Frame)))
        {
            Add(SenderOf(to, sent), MeterWay.Sent, sent, isDropped: false);
            Add(ReceiverOf(to, sent), MeterWay.Received, sent, isDropped: false);
            HairpinPackets += to != Internet && SenderOf(to, sent) != null ? 1 : 0;
        }

        UnknownDrops += outcome.Ends.Count(e => e.DropReason == DropReason.EipBandwidth);
        if (outcome.DropReason == DropReason.EipBandwidth)
        {
            NoteDrop(port, frame);
        }
    }

    private void NoteDrop(string port, byte[] frame)
    {
        string? receiver = EipAt(Destination(frame));
        if (port == Internet)
        {
            KnownDrops++;
            Add(receiver, MeterWay.Received, frame, isDropped: true);
        }
        else if (receiver == null)
        {
            KnownDrops++;
            Add(EipOf(port, Source(frame)), MeterWay.Sent, frame, isDropped: true);
        }
        else
        {
            UnknownDrops++;
        }
    }

    /// <summary>Whoever sends by an EIP is seen by it.</summary>
    private string? SenderOf(string to, byte[] frame) => to == Internet || !IsInside(to, Source(frame)) ? EipAt(Source(frame)) : null;

    /// <summary>What comes to an ENI from outside its VPC came by its EIP.</summary>
    private string? ReceiverOf(string to, byte[] frame) =>
        to != Internet && !IsInside(to, Source(frame)) ? EipOf(to, Destination(frame)) : null;

    private string? EipAt(IpAddress address) => Config.ElasticIps.FirstOrDefault(e => e.Address == address)?.Name;

    private string? EipOf(string eni, IpAddress address) => Config.ElasticIps.FirstOrDefault(e =>
        e.Eni == eni && (e.PrivateIp ?? Config.Enis.Single(n => n.Name == eni).PrivateIps.First(ip => !ip.IsV6)) == address)?.Name;

    private bool IsInside(string eni, IpAddress address)
    {
        string subnet = Config.Enis.Single(e => e.Name == eni).Subnet;
        return Config.Vpcs.Single(v => v.Subnets.Any(s => s.Name == subnet)).Cidrs.Any(c => c.Contains(address));
    }

    private void Add(string? eip, MeterWay way, byte[] frame, bool isDropped)
    {
        if (eip == null)
        {
            return;
        }

        int bytes = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16));
        MeterCounters counted = Of(eip, way);
        counted.Packets += isDropped ? 0 : 1;
        counted.Bytes += isDropped ? 0 : bytes;
        counted.DroppedPackets += isDropped ? 1 : 0;
        counted.DroppedBytes += isDropped ? bytes : 0;
        _counted[(eip, way)] = counted;
    }

    private static bool IsIp4(byte[] frame) => frame[12] == 8 && frame[13] == 0;

    private static IpAddress Source(byte[] frame) => IpAddress.Read(frame.AsSpan(26, 4), isV6: false);

    private static IpAddress Destination(byte[] frame) => IpAddress.Read(frame.AsSpan(30, 4), isV6: false);
}
