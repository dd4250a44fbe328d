using VSwitch.DataPlane.Workers;

namespace VSwitch.ControlPlane.Config;

/// <summary>Indirection tables as a configuration writes them: 128 numbers, or weights.</summary>
public static class IndirectionTable
{
    /// <summary>Queues or workers at most.</summary>
    public const int MaxTargets = 64;

    /// <summary>Shares out the 128 entries in blocks by weight, as <c>ethtool -X weight</c> does: entry i goes to the first number whose
    /// weights up to its own, of all weights, pass i of 128.</summary>
    /// <param name="weights">One a queue, none negative, not all 0.</param>
    public static byte[] OfWeights(IReadOnlyList<int> weights)
    {
        long sum = weights.Sum(w => (long)w);
        byte[] table = new byte[Steering.IndirectionEntries];
        int at = 0;
        long passed = weights[0];
        for (int i = 0; i < table.Length; i++)
        {
            while (passed * table.Length <= i * sum)
            {
                passed += weights[++at];
            }

            table[i] = (byte)at;
        }

        return table;
    }
}
