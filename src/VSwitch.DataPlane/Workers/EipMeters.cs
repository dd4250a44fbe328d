using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Workers;

/// <summary>What EIPs sent and received, over all workers, for readers on any thread. Exact and never falling for as long as an EIP
/// is configured, wherever it is moved to; an EIP that is new begins at 0, whoever had its number.</summary>
public sealed unsafe class EipMeters
{
    private readonly Worker[] _workers;
    private readonly Baseline?[] _baselines;

    internal EipMeters(Worker[] workers, int meterCapacity)
    {
        _workers = workers;
        _baselines = new Baseline?[meterCapacity];
    }

    /// <summary>What a meter had counted when its EIP got it.</summary>
    private sealed record Baseline(MeterCounters Counted);

    /// <summary>What an EIP sent: from its ENI to whoever is outside, another EIP of this switch included.</summary>
    /// <param name="number"><see cref="Eip.Number"/>.</param>
    public MeterCounters SentBy(int number) => Sum(Eip.OutMeterOf(number));

    /// <summary>What an EIP received.</summary>
    /// <param name="number"><see cref="Eip.Number"/>.</param>
    public MeterCounters ReceivedBy(int number) => Sum(Eip.InMeterOf(number));

    /// <summary>Lets an EIP count from 0 on. Only workers write their counters, so what is there now is taken off for the reader; the
    /// EIP counts nothing while this is called (it is new).</summary>
    /// <param name="number"><see cref="Eip.Number"/>.</param>
    public void Rebase(int number)
    {
        foreach (int meter in (ReadOnlySpan<int>)[Eip.OutMeterOf(number), Eip.InMeterOf(number)])
        {
            Volatile.Write(ref _baselines[meter], null);
            Volatile.Write(ref _baselines[meter], new Baseline(Sum(meter)));
        }
    }

    private MeterCounters Sum(int meter)
    {
        MeterCounters before = Volatile.Read(ref _baselines[meter])?.Counted ?? default;
        var sum = new MeterCounters
        {
            Packets = -before.Packets,
            Bytes = -before.Bytes,
            DroppedPackets = -before.DroppedPackets,
            DroppedBytes = -before.DroppedBytes,
        };
        foreach (Worker worker in _workers)
        {
            MeterCounters* counted = worker.Counters.Meters + meter;
            sum.Packets += Volatile.Read(ref counted->Packets);
            sum.Bytes += Volatile.Read(ref counted->Bytes);
            sum.DroppedPackets += Volatile.Read(ref counted->DroppedPackets);
            sum.DroppedBytes += Volatile.Read(ref counted->DroppedBytes);
        }

        return sum;
    }
}
