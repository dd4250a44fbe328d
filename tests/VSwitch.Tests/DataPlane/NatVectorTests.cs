using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>Every row of nat_1to1_rewrite.tsv through the switch: what leaves equals the vector but for the MACs and the TTL,
/// which a routed hop lowers by one.</summary>
public class NatVectorTests
{
    private const long NowNs = 1_000_000_000_000;
    private static readonly MacAddress EniMac = new(0x0200_0000_0010);
    private static readonly MacAddress Router = new(0x0200_0000_9901);

    public static TheoryData<string, string, string, string, string, string, string, string> Rows()
    {
        var rows = new TheoryData<string, string, string, string, string, string, string, string>();
        foreach (string line in File.ReadLines(RepositoryRoot.Vector("nat_1to1_rewrite.tsv")).Skip(1))
        {
            string[] r = line.Split('\t');
            rows.Add(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Rewrite(string name, string kind, string direction, string inside, string eip, string peer, string before, string after)
    {
        SwitchConfig config = Lab(inside, eip);
        using var real = new SwitchUnderTest(config);
        bool isOutbound = direction == "out-snat";
        byte[] frame = WithMacs(Convert.FromHexString(before), config, isOutbound);
        foreach ((string port, byte[] first) in Openers(kind, frame, inside, eip, config, isOutbound))
        {
            ReferenceOutcome opened = real.Receive(port, first, NowNs);
            Assert.True(opened.Kind == OutcomeKind.Forwarded, $"{name}: the opener was {opened}");
        }

        ReferenceOutcome outcome = real.Receive(isOutbound ? "internet" : "vm", [], NowNs);
        Assert.Equal(OutcomeKind.Dropped, outcome.Kind);
        outcome = real.Receive(isOutbound ? "vm" : "internet", frame, NowNs);
        Assert.True(outcome.Kind == OutcomeKind.Forwarded, $"{name} from {peer}: {outcome}");
        byte[] sent = outcome.Sent[0].Frame;
        byte[] expected = OneHop(Convert.FromHexString(after));
        Assert.Equal(Convert.ToHexString(expected[14..]), Convert.ToHexString(sent[14..]));
    }

    private static SwitchConfig Lab(string inside, string eip)
    {
        IpAddress address = IpAddress.Parse(inside);
        var range = new IpPrefix(new IpPrefix(address, 16).Network, 16);
        var all = new RuleConfig { Peer = new PeerConfig(IpPrefix.Parse("0.0.0.0/0"), null, null) };
        return new SwitchConfig
        {
            Internet = new InternetConfig
            {
                Addresses = [IpPrefix.Parse("192.0.2.254/24")],
                Routes = [new InternetRouteConfig(IpPrefix.Parse("0.0.0.0/0"), IpAddress.Parse("192.0.2.253"), default)],
                Neighbors = new Dictionary<IpAddress, MacAddress> { [IpAddress.Parse("192.0.2.253")] = Router },
            },
            Vpcs =
            [
                new VpcConfig
                {
                    Name = "v", Cidrs = [range], Subnets = [new SubnetConfig { Name = "s", Cidrs = [range] }],
                    RouteTables =
                    [
                        new RouteTableConfig
                        {
                            Name = "r", Main = true, Routes = [new RouteConfig(IpPrefix.Parse("0.0.0.0/0"), "internet", default)],
                        },
                    ],
                },
            ],
            SecurityGroups = [new SecurityGroupConfig { Name = "open", Vpc = "v", Ingress = [all] }],
            Enis =
            [
                new EniConfig
                {
                    Name = "vm", Subnet = "s", Mac = EniMac, PrivateIps = [address], SecurityGroups = ["open"], TcpLoose = true,
                },
            ],
            ElasticIps = [new ElasticIpConfig { Name = "e", Address = IpAddress.Parse(eip), Eni = "vm" }],
        };
    }

    /// <summary>What must have passed before: the packet that an error quotes, or a later fragment's first.</summary>
    private static IEnumerable<(string Port, byte[] Frame)> Openers(
        string kind, byte[] frame, string inside, string eip, SwitchConfig config, bool isOutbound)
    {
        if (kind is "icmp-err-in" or "icmp-err-out")
        {
            byte[] quoted = frame[42..];
            IpAddress source = IpAddress.Read(quoted.AsSpan(12), false);
            IpAddress destination = IpAddress.Read(quoted.AsSpan(16), false);
            ushort from = BinaryPrimitives.ReadUInt16BigEndian(quoted.AsSpan(20));
            ushort to = BinaryPrimitives.ReadUInt16BigEndian(quoted.AsSpan(22));
            bool openedInside = source == IpAddress.Parse(eip);
            byte[] opener = PacketBuilder.Eth(EniMac, EniMac)
                .Ip(openedInside ? IpAddress.Parse(inside) : source, openedInside ? destination : IpAddress.Parse(eip))
                .Udp(from, to).Payload(8).Build();
            yield return (openedInside ? "vm" : "internet", WithMacs(opener, config, openedInside));
        }
        else if (kind == "frag-later")
        {
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(18));
            IpAddress source = IpAddress.Read(frame.AsSpan(26), false);
            IpAddress destination = IpAddress.Read(frame.AsSpan(30), false);
            byte[] whole = PacketBuilder.Eth(EniMac, EniMac).Ip(source, destination).Udp(1000, 2000).Payload(200).Build();
            byte[] first = Frames.Fragments(whole, 40, id)[0];
            yield return (isOutbound ? "vm" : "internet", WithMacs(first, config, isOutbound));
        }
    }

    private static byte[] WithMacs(byte[] frame, SwitchConfig config, bool isOutbound)
    {
        (isOutbound ? config.Switch.GatewayMac : config.Internet!.Mac).Write(frame);
        (isOutbound ? EniMac : Router).Write(frame.AsSpan(6));
        return frame;
    }

    private static byte[] OneHop(byte[] frame)
    {
        int header = (frame[14] & 15) * 4;
        frame[22]--;
        (frame[24], frame[25]) = (0, 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), OnesComplement.Checksum(frame.AsSpan(14, header)));
        return frame[..(14 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16)))];
    }
}
