using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>The compiled rules say what a scan of all rules says.</summary>
public class SecurityGroupTableTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(1000)]
    [InlineData(10_000)]
    public void Agrees_with_a_linear_scan(int rules)
    {
        var random = new Random(Seeded.Take($"rules {rules}"));
        var builder = new SecurityGroupTableBuilder();
        var boxes = new List<RuleBox>();
        for (int i = 0; i < rules; i++)
        {
            boxes.Add(RandomBox(random, builder.AddRule($"rule {i}")));
        }

        int set = builder.AddRuleSet(boxes);
        int empty = builder.AddRuleSet([]);
        SecurityGroupTable table = builder.Build();
        for (int i = 0; i < 20_000; i++)
        {
            bool isV6 = random.Next(4) == 0;
            var remote = new RawIp6((uint)(random.Next(4) << 24) | (uint)random.Next(1024), isV6 ? (ulong)random.Next(4) : 0);
            byte protocol = (byte)(random.Next(3) switch { 0 => 6, 1 => 17, _ => 1 });
            ushort selector = (ushort)random.Next(200);
            int seen = isV6 ? table.Match(set, protocol, remote, selector) : table.Match(set, protocol, (uint)remote.First, selector);
            bool expected = boxes.Any(b => Allows(b, isV6, protocol, remote, selector));
            Assert.Equal(expected, seen != SecurityGroupTable.NoRule);
            Assert.True(seen == SecurityGroupTable.NoRule || boxes.Any(b => b.Rule == seen && Allows(b, isV6, protocol, remote, selector)));
            Assert.Equal(SecurityGroupTable.NoRule, table.Match(empty, protocol, remote, selector));
        }

        Assert.Equal(0, AllocationGuard.BytesOf(() => table.Match(set, 6, 0x0A000001u, 80)));
    }

    private static RuleBox RandomBox(Random random, int rule)
    {
        bool isV6 = random.Next(4) == 0;
        byte? protocol = random.Next(5) switch { 0 => null, 1 => 17, 2 => 1, _ => 6 };
        int bits = random.Next(33);
        ulong mask = bits == 0 ? 0 : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(uint.MaxValue << (32 - bits));
        ulong network = ((uint)(random.Next(4) << 24) | (uint)random.Next(1024)) & mask;
        ushort first = (ushort)random.Next(200);
        return new RuleBox(
            protocol, isV6, new RawIp6(network, 0), new RawIp6(mask, 0), first, (ushort)(first + random.Next(20)), rule);
    }

    private static bool Allows(RuleBox box, bool isV6, byte protocol, RawIp6 remote, ushort selector) =>
        box.IsV6 == isV6 && (remote.First & box.Mask.First) == box.Network.First &&
        (remote.Second & box.Mask.Second) == box.Network.Second &&
        (box.Protocol == null || (box.Protocol == protocol && selector >= box.First && selector <= box.Last));
}
