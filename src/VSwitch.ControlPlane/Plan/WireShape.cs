using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Plan;

/// <summary>A wire's faults, setting by setting and direction by direction.</summary>
internal static class WireShape
{
    public static readonly Shape<WireConfig> Wire = new(
        "wire", w => w.Port,
        [
            new ValueField<WireConfig>("seed", w => $"{w.Seed}", "1"),
            .. Faults("in", w => w.In),
            .. Faults("out", w => w.Out),
        ]);

    private static IField<WireConfig>[] Faults(string direction, Func<WireConfig, WireFaultConfig> of) =>
    [
        new ValueField<WireConfig>(direction + ".delay", w => Time(of(w).Delay)),
        new ValueField<WireConfig>(direction + ".jitter", w => Time(of(w).Jitter)),
        new ValueField<WireConfig>(direction + ".loss", w => ConfigText.Percent(of(w).Loss)),
        new ValueField<WireConfig>(direction + ".reorder", w => ConfigText.Percent(of(w).Reorder)),
        new ValueField<WireConfig>(direction + ".duplicate", w => ConfigText.Percent(of(w).Duplicate)),
        new ValueField<WireConfig>(direction + ".corrupt", w => ConfigText.Percent(of(w).Corrupt)),
        new ValueField<WireConfig>(direction + ".rate", w => of(w).RateBitsPerSecond is long rate ? ConfigText.Rate(rate) : null),
        new ValueField<WireConfig>(direction + ".limit", w => of(w).Limit is int limit ? $"{limit}" : null),
    ];

    private static string? Time(TimeSpan time) => time == default ? null : ConfigText.Duration(time);
}
