using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>A reload is a transaction: everything is checked before a device is touched, and what cannot be done changes
/// nothing. Without devices, or with capture files: no right is needed.</summary>
public sealed class SwitchHostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-host-").FullName;
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1_000)]
    public void Workers_with_threads_of_their_own_never_share_tables_however_small_the_table(int capacity)
    {
        SwitchConfig small = Config(2);
        using var host = new SwitchHost(small with { Switch = small.Switch with { ConnectionCapacity = capacity } }, 2, _time);
        Assert.False(host.Workers.Shared.Budget.IsExact);
        Assert.Equal(capacity, host.Workers.Shared.Budget.Capacity);
    }

    [Fact]
    public void More_ports_than_there_is_room_for_change_nothing()
    {
        SwitchConfig small = Config(2);
        using var host = new SwitchHost(small, 1, _time);
        ForwardingSnapshot before = host.Snapshot;
        SwitchConfig large = Config(1100);
        large = large with { Enis = [.. large.Enis.Select((e, i) => i == 0 ? e with { Device = Capture("new.pcap") } : e)] };

        var refusal = Assert.Throws<InvalidOperationException>(() => host.Apply(large));
        Assert.Contains("was started for 1027 ports and the change needs 1101", refusal.Message, StringComparison.Ordinal);
        AssertUnchanged(host, small, before);
        Assert.False(File.Exists(Path.Combine(_folder, "new.pcap")), "no device was opened");

        host.Apply(Config(1000));
        Assert.Equal(1001, host.Snapshot.PortCount);
        host.Free();
    }

    [Fact]
    public void More_eips_than_there_is_room_for_change_nothing()
    {
        SwitchConfig small = Config(2);
        using var host = new SwitchHost(small, 1, _time);
        ForwardingSnapshot before = host.Snapshot;
        var refusal = Assert.Throws<InvalidOperationException>(() => host.Apply(WithLimits(small, 17_000)));
        Assert.Contains("was started for 16384 EIPs and the change needs 17000", refusal.Message, StringComparison.Ordinal);
        AssertUnchanged(host, small, before);
        host.Apply(WithLimits(small, 2000));
        Assert.Equal(4000, host.Snapshot.BucketRates.Length);
        host.Free();
    }

    [Fact]
    public void A_device_that_cannot_be_opened_changes_nothing_and_the_ones_opened_before_it_close()
    {
        SwitchConfig small = Config(2);
        using var host = new SwitchHost(small, 1, _time);
        ForwardingSnapshot before = host.Snapshot;
        SwitchConfig broken = small with
        {
            Enis = [small.Enis[0] with { Device = Capture("good.pcap") }, small.Enis[1] with { Device = Capture(Path.Combine("nowhere", "bad.pcap")) }],
        };
        Assert.ThrowsAny<IOException>(() => host.Apply(broken));
        AssertUnchanged(host, small, before);

        // The file is closed: it can be opened again.
        SwitchConfig good = small with { Enis = [small.Enis[0] with { Device = Capture("good.pcap") }, small.Enis[1]] };
        host.Apply(good);
        Assert.Equal("e1", Assert.Single(host.Devices).Port);

        SwitchConfig other = good with { Enis = [small.Enis[0] with { Device = Capture("other.pcap") }, small.Enis[1]] };
        ForwardingSnapshot after = host.Snapshot;
        Assert.Contains("cannot change while it runs", Assert.Throws<InvalidOperationException>(() => host.Apply(other)).Message, StringComparison.Ordinal);
        AssertUnchanged(host, good, after);
        host.Apply(small);
        Assert.Empty(host.Devices);
        host.Free();
    }

    [Fact]
    public void Numbers_of_what_is_gone_are_given_again_after_a_rest()
    {
        using var host = new SwitchHost(WithLimits(Config(2), 1, "x"), 1, _time);
        for (int round = 0; round < 8; round++)
        {
            // 500 new ENIs, groups and EIPs each time: without release the ninth hundred would be too many.
            host.Apply(WithLimits(Config(500, $"r{round}-"), 600, $"r{round}-"));
            _time.Advance(TimeSpan.FromSeconds(6));
        }

        Assert.InRange(host.Snapshot.PortCount, 501, 1027);
        host.Free();
    }

    [Fact]
    public void A_number_does_not_change_hands_before_its_rest()
    {
        using var host = new SwitchHost(Config(2), 1, _time);
        host.Apply(Config(1));
        host.Apply(Config(2, "n"));
        Assert.Equal(["internet", "(removed)", "(removed)", "n1", "n2"], host.Snapshot.PortNames);
        _time.Advance(TimeSpan.FromSeconds(6));
        host.Apply(Config(3, "n"));
        Assert.Equal(["internet", "n3", "(removed)", "n1", "n2"], host.Snapshot.PortNames);
        Assert.True(host.Snapshot.PortSince(1) > host.Snapshot.PortSince(3), "n3 is newer than n1");
        host.Free();
    }

    [Fact]
    public void A_name_that_came_back_keeps_its_number_however_long_it_was_noted()
    {
        using var host = new SwitchHost(Config(2), 1, _time);
        host.Apply(Config(1));
        host.Apply(Config(2));
        _time.Advance(TimeSpan.FromSeconds(6));
        host.Apply(Config(2) with { Enis = [.. Config(2).Enis, Config(3).Enis[2] with { Name = "n1" }] });
        Assert.Equal(["internet", "e1", "e2", "n1"], host.Snapshot.PortNames);
        host.Free();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void AssertUnchanged(SwitchHost host, SwitchConfig config, ForwardingSnapshot snapshot)
    {
        Assert.Same(config, host.Config);
        Assert.Same(snapshot, host.Snapshot);
        Assert.Same(snapshot, host.Workers.Shared.Snapshot);
        Assert.Equal(config.Enis.Where(e => e.Device != null).Select(e => e.Name), host.Devices.Select(d => d.Port));
        Assert.Null(host.Failure);
    }

    private DeviceConfig Capture(string name) => new() { PcapOut = Path.Combine(_folder, name) };

    private static SwitchConfig Config(int enis, string prefix = "e")
    {
        SwitchConfig small = TestTopologies.Small();
        return small with
        {
            Switch = small.Switch with { ConnectionCapacity = 1000 },
            SecurityGroups = [small.SecurityGroups[0] with { Name = prefix + "group" }],
            Enis = [.. Enumerable.Range(1, enis).Select(i => new EniConfig
            {
                Name = $"{prefix}{i}",
                Subnet = "blue-a",
                Mac = new MacAddress(0x0200_0000_0000UL + (uint)i),
                SecurityGroups = [prefix + "group"],
                PrivateIps = [IpAddress.V6(TestTopologies.Ip("fd00:b:0:1::100").Bits + (uint)i)],
            })],
        };
    }

    private static SwitchConfig WithLimits(SwitchConfig config, int count, string prefix = "eip") => config with
    {
        ElasticIps = [.. Enumerable.Range(0, count).Select(i => new ElasticIpConfig
        {
            Name = $"{prefix}{i}",
            Address = IpAddress.V4(TestTopologies.Ip("203.0.0.0").V4Value + (uint)i),
            BandwidthBitsPerSecond = 1_000_000,
        })],
    };

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
