using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Nat;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated through a NAT gateway: first packets, known connections both ways, what nobody asked for, what finds
/// no port.</summary>
public sealed class NatAllocationTests : IDisposable
{
    private const int Rounds = 2000;
    private SilentSwitch _switch = new(TestTopologies.Nat());
    private readonly byte[] _request = Frames.Udp(NatBench.From("a"), 1, 53);
    private long _nowNs = 1_000_000_000;

    private WorkerCounters Counters => _switch.Workers.Workers[0].Counters;

    [Fact]
    public void A_known_connection_allocates_nothing_either_way()
    {
        byte[] request = Frames.Udp(NatBench.From("a"), 5000, 53);
        byte[] reply = Frames.Udp(NatBench.To(NatBench.NatIp), 53, 5000);
        Assert.Equal(0, BytesOf(_ =>
        {
            Inject("a", request);
            Inject("internet", reply);
        }));
        Assert.True(_switch.Workers.Sum(0).Forwarded >= 2 * Rounds, "the replies came in");
        Assert.Equal(1, _switch.Workers.ConnectionCount);
    }

    [Fact]
    public void A_first_packet_allocates_nothing()
    {
        Assert.Equal(0, BytesOf(Open));
        Assert.True(Counters.FlowsCreated >= 2 * Rounds, "each packet opened a connection");
    }

    [Fact]
    public void A_packet_for_which_a_full_gateway_has_no_place_allocates_nothing()
    {
        SwitchConfig nat = TestTopologies.Nat();
        _switch.Dispose();
        _switch = new SilentSwitch(nat with { NatGateways = [nat.NatGateways[0] with { ConnectionCapacity = 1 }] });
        Assert.Equal(0, BytesOf(Open));
        Assert.True(_switch.Workers.SumDrops(PortOf("a"), DropReason.NatConnectionsExhausted) >= 2 * Rounds, "all but one were dropped");
    }

    [Fact]
    public void What_nobody_asked_for_allocates_nothing()
    {
        byte[] frame = Frames.Udp(NatBench.To(NatBench.NatIp), 53, 5000);
        Assert.Equal(0, BytesOf(_ => Inject("internet", frame)));
        Assert.True(_switch.Workers.SumDrops(0, DropReason.NatUnsolicited) >= 2 * Rounds, "all were dropped");
    }

    public void Dispose() => _switch.Dispose();

    private long BytesOf(Action<int> send)
    {
        int next = 0;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                send(next++);
            }
        }

        Run();
        return AllocationGuard.BytesOf(Run);
    }

    private void Open(int i)
    {
        byte[] frame = _request;
        int port = 1024 + i;
        (frame[34], frame[35]) = ((byte)(port >> 8), (byte)port);
        Inject("a", frame);
    }

    private int PortOf(string port) => Array.IndexOf(_switch.Snapshot.PortNames, port);

    private void Inject(string port, byte[] frame)
    {
        _nowNs += 1000;
        Assert.True(_switch.Workers.InjectAndSettle(frame, PortOf(port), _nowNs));
    }
}
