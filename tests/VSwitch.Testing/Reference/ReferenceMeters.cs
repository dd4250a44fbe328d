using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Testing.Reference;

/// <summary>Bandwidth of EIPs and limits of ENIs as a virtual scheduling algorithm (GCRA): one theoretical arrival time a rate.
/// </summary>
internal sealed class ReferenceMeters
{
    private const long SmallestBurstBytes = 131_072;
    private const long SmallestBurstPackets = 16;
    private const long BurstMs = 50;
    private const long InboundFloorBitsPerSecond = 100_000_000;

    private readonly Dictionary<(string Whose, bool Outbound, bool IsPackets), long> _arrivals = [];

    /// <summary>Lets a frame pass and charges every rate on its way, or says which refuses it and charges none.</summary>
    public DropReason Admit(EniConfig? from, BoundEip? sender, BoundEip? target, EniConfig? to, int frameBytes, long nowNs)
    {
        List<Rate> rates =
        [
            .. RatesOf(from, outbound: true), .. RatesOf(sender, outbound: true), .. RatesOf(target, outbound: false),
            .. RatesOf(to, outbound: false),
        ];
        DropReason refused = rates.Where(r => !Has(r, frameBytes, nowNs)).Select(r => r.Reason).FirstOrDefault();
        if (refused == DropReason.None)
        {
            foreach (Rate rate in rates)
            {
                _arrivals[rate.Key] = Math.Max(_arrivals.GetValueOrDefault(rate.Key), nowNs) + rate.Cost(frameBytes);
            }
        }

        return refused;
    }

    private bool Has(Rate rate, int frameBytes, long nowNs) =>
        Math.Max(_arrivals.GetValueOrDefault(rate.Key), nowNs) - nowNs + rate.Cost(frameBytes) <= rate.BurstNs;

    private static IEnumerable<Rate> RatesOf(EniConfig? eni, bool outbound)
    {
        int? packets = outbound ? eni?.Limits.EgressPacketsPerSecond : eni?.Limits.IngressPacketsPerSecond;
        long? bits = outbound ? eni?.Limits.EgressBitsPerSecond : eni?.Limits.IngressBitsPerSecond;
        string whose = $"ENI {eni?.Name}";
        return
        [
            .. packets is { } p ? [new Rate((whose, outbound, true), p, DropReason.EniPacketRate)] : Array.Empty<Rate>(),
            .. bits is { } b ? [new Rate((whose, outbound, false), b, DropReason.EniBandwidth)] : Array.Empty<Rate>(),
        ];
    }

    private static IEnumerable<Rate> RatesOf(BoundEip? eip, bool outbound) =>
        eip is not null && RateOf(eip.Eip, outbound) is { } rate
            ? [new Rate(($"EIP {eip.Eip.Address}", outbound, false), rate, DropReason.EipBandwidth)] : [];

    private static long? RateOf(ElasticIpConfig eip, bool outbound) => (outbound, eip.BandwidthInBitsPerSecond) switch
    {
        (true, _) => eip.BandwidthBitsPerSecond,
        (false, { } given) => given,
        (false, null) => eip.BandwidthBitsPerSecond is { } rate ? Math.Max(rate, InboundFloorBitsPerSecond) : null,
    };

    private sealed record Rate((string, bool, bool IsPackets) Key, long PerSecond, DropReason Reason)
    {
        public long BurstNs => Key.IsPackets
            ? Nanoseconds(Math.Max(PerSecond * BurstMs / 1000, SmallestBurstPackets))
            : Nanoseconds(8 * Math.Max(PerSecond / 8 * BurstMs / 1000, SmallestBurstBytes));

        public long Cost(int frameBytes) => Nanoseconds(Key.IsPackets ? 1 : 8L * frameBytes);

        private long Nanoseconds(long units) => (long)((Int128)units * 1_000_000_000 / PerSecond);
    }
}
