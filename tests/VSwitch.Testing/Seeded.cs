using System.Globalization;

namespace VSwitch.Testing;

/// <summary>Where a random test gets its seed: the environment's <c>VSWITCH_SEED</c>, else a fresh one. The seed is written
/// out, so that a failure can be run again.</summary>
public static class Seeded
{
    /// <summary>The variable's name.</summary>
    public const string Variable = "VSWITCH_SEED";

    /// <summary>Takes the seed and writes it with what it is for.</summary>
    /// <param name="purpose">What it is for.</param>
    /// <param name="write">Where it is written; the console when null.</param>
    /// <param name="usual">The seed without the variable; null for a fresh one each time.</param>
    public static int Take(string purpose, Action<string>? write = null, int? usual = null)
    {
        string? given = Environment.GetEnvironmentVariable(Variable);
        int seed = given is null
            ? usual ?? Random.Shared.Next()
            : int.Parse(given, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        (write ?? Console.WriteLine)($"{purpose}: {Variable}={seed.ToString(CultureInfo.InvariantCulture)}");
        return seed;
    }
}
