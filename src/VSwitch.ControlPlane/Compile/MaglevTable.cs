namespace VSwitch.ControlPlane.Compile;

/// <summary>Maglev's consistent hashing (Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
/// section 3.4): a table whose places are filled by the backends in turn, each in an order of its own that only its name decides.
/// A backend more or less moves little but its own share.</summary>
internal static class MaglevTable
{
    /// <summary>Places: a prime, 160 times the 100 backends that a listener may have, so that shares differ by less than 1 % (section 5.3
    /// there). The same for all, because another size would move every client.</summary>
    public const int Size = 16381;

    /// <summary>Fills a table.</summary>
    /// <param name="backends">Who may get places: the name that its order comes from, its weight (none for 0).</param>
    /// <returns>Numbers of backends, in the order of <paramref name="backends"/>; empty when none has a weight.</returns>
    public static ushort[] Build(IReadOnlyList<(string Name, int Weight)> backends)
    {
        int most = backends.Select(b => b.Weight).DefaultIfEmpty(0).Max();
        if (most == 0)
        {
            return [];
        }

        (ulong Offset, ulong Skip)[] orders = [.. backends.Select(b => OrderOf(b.Name))];
        ulong[] next = new ulong[backends.Count];
        long[] due = new long[backends.Count];
        ushort[] places = new ushort[Size];
        bool[] isTaken = new bool[Size];
        for (int filled = 0; ;)
        {
            for (int i = 0; i < backends.Count; i++)
            {
                // One of the greatest weight takes its turn in every round, others as often as theirs is a part of it.
                due[i] += backends[i].Weight;
                if (due[i] < most)
                {
                    continue;
                }

                due[i] -= most;
                uint place;
                do
                {
                    place = (uint)((orders[i].Offset + (next[i]++ * orders[i].Skip)) % Size);
                }
                while (isTaken[place]);
                isTaken[place] = true;
                places[place] = (ushort)i;
                if (++filled == Size)
                {
                    return places;
                }
            }
        }
    }

    private static (ulong Offset, ulong Skip) OrderOf(string name)
    {
        // FNV-1a, and the finalizer of splitmix64 for the second number: the same in every process.
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x0000_0100_0000_01B3;
        }

        ulong other = (hash ^ (hash >> 30)) * 0xBF58_476D_1CE4_E5B9;
        other = (other ^ (other >> 27)) * 0x94D0_49BB_1331_11EB;
        other ^= other >> 31;
        ulong first = (hash ^ (hash >> 33)) * 0xFF51_AFD7_ED55_8CCD;
        first ^= first >> 33;
        return (first % Size, 1 + (other % (Size - 1)));
    }
}
