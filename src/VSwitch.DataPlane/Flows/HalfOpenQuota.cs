namespace VSwitch.DataPlane.Flows;

/// <summary>The question: whose half-open connection makes room? Order of checks, section 12. A worker at work decides by its own
/// connections and its part of the share; workers that run in turn on one thread (replay) decide by all of theirs together, so
/// that the answer does not depend on their number.</summary>
internal sealed class HalfOpenQuota
{
    private const int LeastShare = 16;
    private readonly Connections[] _members;
    private readonly int _workerCount;

    /// <param name="members">The connections to decide by.</param>
    /// <param name="workerCount">Workers of the switch.</param>
    public HalfOpenQuota(Connections[] members, int workerCount)
    {
        _members = members;
        _workerCount = members.Length == 1 ? workerCount : 1;
    }

    /// <summary>How many half-open connections an ENI may have here.</summary>
    /// <param name="capacity">Connections that the switch may hold.</param>
    /// <param name="eniCount">ENIs that share them.</param>
    public int PartOf(int capacity, int eniCount)
    {
        int share = Math.Min(capacity, Math.Max(LeastShare, capacity / Math.Max(1, eniCount)));
        return Math.Max(1, share / _workerCount);
    }

    /// <summary>Lets the oldest half-open connection of a port go if the port has used up its share.</summary>
    /// <param name="port">Whom the new connection will be charged to.</param>
    /// <param name="part">What <see cref="PartOf"/> gave.</param>
    public void MakeRoomFor(int port, int part)
    {
        if (CountOf(port) < part)
        {
            return;
        }

        Reap();
        if (CountOf(port) >= part)
        {
            EvictOldestOf(port);
        }
    }

    /// <summary>Lets the oldest half-open connection of the port with most of them go; of equals the lower port.</summary>
    /// <returns>False when there is none at all.</returns>
    public bool TryEvictHeaviest()
    {
        int heaviest = -1;
        int most = 0;
        for (int port = 0; port < _members[0].HalfOpen.PortCapacity; port++)
        {
            int count = CountOf(port);
            if (count > most)
            {
                most = count;
                heaviest = port;
            }
        }

        if (heaviest >= 0)
        {
            EvictOldestOf(heaviest);
        }

        return heaviest >= 0;
    }

    /// <summary>Takes out what has expired.</summary>
    public void Reap()
    {
        foreach (Connections member in _members)
        {
            member.ReapDue();
        }
    }

    private int CountOf(int port)
    {
        int count = 0;
        foreach (Connections member in _members)
        {
            count += member.HalfOpen.CountOf(port);
        }

        return count;
    }

    private void EvictOldestOf(int port)
    {
        Connections? holder = null;
        foreach (Connections member in _members)
        {
            bool has = member.HalfOpen.CountOf(port) > 0;
            if (has && (holder == null || (int)(member.HalfOpen.OldestOrderOf(port) - holder.HalfOpen.OldestOrderOf(port)) < 0))
            {
                holder = member;
            }
        }

        holder!.EvictOldestOf(port);
    }
}
