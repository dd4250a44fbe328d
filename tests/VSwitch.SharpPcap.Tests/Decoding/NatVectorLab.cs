using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>A row of nat_1to1_rewrite.tsv through the switch: one ENI with one EIP, and before the row's frame what must have passed.
/// </summary>
internal static class NatVectorLab
{
    private const long NowNs = 1_000_000_000_000;
    private static readonly MacAddress EniMac = new(0x0200_0000_0010);
    private static readonly MacAddress Neighbor = new(0x0200_0000_9901);

    /// <summary>What leaves the switch for the row's frame.</summary>
    public static byte[] Send(TsvRow row)
    {
        IpAddress inside = IpAddress.Parse(row["private_ip"]);
        IpAddress eip = IpAddress.Parse(row["eip"]);
        SwitchConfig config = Config(inside, eip);
        using var real = new SwitchUnderTest(config);
        byte[] frame = Convert.FromHexString(row["frame_before_hex"]);
        bool isOutbound = row["direction"] == "out-snat";
        if (row["kind"] is "icmp-err-in" or "icmp-err-out")
        {
            (byte[] opener, bool isFromInside) = Quoted(frame, inside, eip);
            Enter(real, config, opener, isFromInside);
        }
        else if (row["kind"] == "frag-later")
        {
            Enter(real, config, FirstFragment(frame), isOutbound);
        }

        return Enter(real, config, frame, isOutbound);
    }

    private static byte[] Enter(SwitchUnderTest real, SwitchConfig config, byte[] frame, bool isOutbound)
    {
        (isOutbound ? config.Switch.GatewayMac : config.Internet!.Mac).Write(frame);
        (isOutbound ? EniMac : Neighbor).Write(frame.AsSpan(6));
        ReferenceOutcome outcome = real.Receive(isOutbound ? "vm" : "internet", frame, NowNs);
        return Assert.Single(outcome.Sent).Frame;
    }

    /// <summary>The datagram that an error quotes, as its sender sent it.</summary>
    private static (byte[] Frame, bool IsFromInside) Quoted(byte[] error, IpAddress inside, IpAddress eip)
    {
        ReadOnlySpan<byte> quote = error.AsSpan(42);
        IpAddress source = IpAddress.Read(quote[12..], isV6: false);
        IpAddress destination = IpAddress.Read(quote[16..], isV6: false);
        bool isFromInside = source == eip;
        byte[] frame = PacketBuilder.Eth(EniMac, EniMac).Ip(isFromInside ? inside : source, isFromInside ? destination : eip)
            .Udp(BinaryPrimitives.ReadUInt16BigEndian(quote[20..]), BinaryPrimitives.ReadUInt16BigEndian(quote[22..])).Payload(8).Build();
        return (frame, isFromInside);
    }

    private static byte[] FirstFragment(byte[] later)
    {
        IpAddress source = IpAddress.Read(later.AsSpan(26), isV6: false);
        IpAddress destination = IpAddress.Read(later.AsSpan(30), isV6: false);
        byte[] whole = PacketBuilder.Eth(EniMac, EniMac).Ip(source, destination).Udp(1000, 2000).Payload(200).Build();
        return Frames.Fragments(whole, 40, BinaryPrimitives.ReadUInt16BigEndian(later.AsSpan(18)))[0];
    }

    private static SwitchConfig Config(IpAddress inside, IpAddress eip)
    {
        var range = new IpPrefix(new IpPrefix(inside, 16).Network, 16);
        IpPrefix all = IpPrefix.Parse("0.0.0.0/0");
        IpAddress next = IpAddress.Parse("192.0.2.253");
        var routes = new RouteTableConfig { Name = "r", Main = true, Routes = [new RouteConfig(all, "internet", default)] };
        return new SwitchConfig
        {
            Internet = new InternetConfig
            {
                Addresses = [IpPrefix.Parse("192.0.2.254/24")],
                Routes = [new InternetRouteConfig(all, next, default)],
                Neighbors = new Dictionary<IpAddress, MacAddress> { [next] = Neighbor },
            },
            Vpcs = [new VpcConfig { Name = "v", Cidrs = [range], Subnets = [new SubnetConfig { Name = "s", Cidrs = [range] }], RouteTables = [routes] }],
            SecurityGroups = [new SecurityGroupConfig { Name = "open", Vpc = "v", Ingress = [TestTopologies.From("0.0.0.0/0")] }],
            Enis = [new EniConfig { Name = "vm", Subnet = "s", Mac = EniMac, PrivateIps = [inside], SecurityGroups = ["open"], TcpLoose = true }],
            ElasticIps = [new ElasticIpConfig { Name = "e", Address = eip, Eni = "vm" }],
        };
    }
}
