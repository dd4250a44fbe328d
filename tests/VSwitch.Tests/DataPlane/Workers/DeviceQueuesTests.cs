using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Workers;
using Xunit;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>Which queues a worker asks for frames: what has a descriptor only when it is said to have some.</summary>
public sealed class DeviceQueuesTests
{
    [Fact]
    public void A_queue_is_asked_at_first_and_then_only_when_marked_until_it_is_empty()
    {
        var queues = new DeviceQueues(0, 1);
        queues.Use([.. Enumerable.Range(0, 300).Select(i => new StillDevice(10 + i))]);
        Assert.Equal((300, 300, 0), (queues.Count, queues.ReadyCount, queues.AlwaysReadyCount));
        EndRound(queues, _ => true);
        Assert.Equal(0, queues.ReadyCount);

        queues.MarkReady(12);
        queues.MarkReady(12);
        queues.MarkReady(309);
        queues.MarkReady(5);
        queues.MarkReady(310);
        queues.MarkReady(-1);
        Assert.Equal([2, 299], Ports(queues));
        EndRound(queues, port => port == 2);
        Assert.Equal([299], Ports(queues));
        EndRound(queues, _ => true);
        Assert.Empty(Ports(queues));
    }

    [Fact]
    public void A_queue_without_a_descriptor_is_always_asked()
    {
        var queues = new DeviceQueues(0, 1);
        queues.Use([new StillDevice(-1), null, new StillDevice(7), new StillDevice(-1)]);
        Assert.Equal(2, queues.AlwaysReadyCount);
        for (int round = 0; round < 3; round++)
        {
            EndRound(queues, _ => true);
            Assert.Equal([0, 3], Ports(queues));
        }
    }

    [Fact]
    public void A_worker_has_the_queues_of_its_number_modulo_the_workers()
    {
        var queues = new DeviceQueues(1, 2);
        queues.Use([new StillDevice(10, 3), new StillDevice(20, 4)]);
        Assert.Equal([(0, 1), (1, 1), (1, 3)], Enumerable.Range(0, queues.ReadyCount).Select(i => (queues.Ready(i).Port, queues.Ready(i).Queue)));
    }

    [Fact]
    public void Devices_that_come_and_go_are_taken_and_the_same_ones_change_nothing()
    {
        var queues = new DeviceQueues(0, 1);
        IPacketDevice stays = new StillDevice(10);
        queues.Use([stays, new StillDevice(11)]);
        EndRound(queues, _ => true);
        queues.Use([stays, queues.Count == 2 ? new StillDevice(12) : null]);
        Assert.Equal([0, 1], Ports(queues));
        EndRound(queues, _ => true);
        queues.MarkReady(11);
        Assert.Empty(Ports(queues));
        queues.MarkReady(12);
        Assert.Equal([1], Ports(queues));

        queues.Use([stays, queues.Ready(0).Device]);
        Assert.Equal([1], Ports(queues));
        queues.Use([null, null]);
        Assert.Equal((0, 0), (queues.Count, queues.ReadyCount));
        queues.MarkReady(10);
        Assert.Equal(0, queues.ReadyCount);
    }

    [Fact]
    public void An_array_of_one_kind_of_device_is_taken_too()
    {
        var queues = new DeviceQueues(0, 1);
        queues.Use(new StillDevice[] { new(10), new(11) });
        Assert.Equal([0, 1], Ports(queues));
    }

    private static int[] Ports(DeviceQueues queues) => [.. Enumerable.Range(0, queues.ReadyCount).Select(i => queues.Ready(i).Port)];

    private static void EndRound(DeviceQueues queues, Predicate<int> isEmpty) =>
        queues.EndRound([.. Ports(queues).Select(port => isEmpty(port))]);

    /// <summary>A device with made-up descriptors, that has no frames.</summary>
    private sealed unsafe class StillDevice(int handle, int queueCount = 1) : IPacketDevice
    {
        public string Name => "still";

        public DeviceCapabilities Capabilities { get; } = new(queueCount, 1500, Offload: false);

        public DeviceStatus Status { get; } = new();

        public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

        public int Transmit(int queue, PacketBuffer** packets, int count) => 0;

        public int PollHandle(int queue) => handle < 0 ? handle : handle + queue;

        public void Dispose()
        {
        }
    }
}
