using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Balancing;

/// <summary>All that load balancers keep while the switch runs: sessions, what is known of the backends, and their turns. Shared by
/// the workers, made with the first snapshot that has a load balancer, and there until the switch ends.</summary>
public sealed class BalancerState : IDisposable
{
    /// <summary>So long a session waits for the connection that it was made for: it is on its way to the worker that opens it.</summary>
    internal const uint TentativeMs = 5000;

    private const int LockCount = 256;

    /// <summary>Hashes of a source address tried before the next backend in the row is taken.</summary>
    private const int MaxRehashes = 32;

    private readonly int[] _locks = new int[LockCount];
    private readonly (ulong Low, ulong High) _secret;
    private readonly ProbeTable _probes;
    private readonly Alarm _due = new();
    private readonly Alarm _alarm;
    private BalancerTable _table = BalancerTable.Empty;
    private uint _takenUp;
    private int _end = 1;

    /// <summary>Makes the state.</summary>
    /// <param name="capacity">Connections that the switch takes.</param>
    /// <param name="secret">Key of the sessions' hash.</param>
    /// <param name="probes">Says which backends are healthy.</param>
    /// <param name="alarm">Is brought forward with <see cref="NextDrainEndMs"/>.</param>
    public BalancerState(int capacity, (ulong Low, ulong High) secret, ProbeTable probes, Alarm alarm)
    {
        _secret = secret;
        _probes = probes;
        _alarm = alarm;
        Backends = new BackendStates();
        Sessions = new BalancerSessions(capacity, secret, Backends);
    }

    private BalancerState(BalancerState live, int capacity, Alarm alarm)
    {
        _secret = live._secret;
        _probes = live._probes;
        _alarm = alarm;
        Backends = new BackendStates();
        _end = Volatile.Read(ref live._end);
        live.Backends.CopyTo(Backends, _end);
        Sessions = new BalancerSessions(capacity, _secret, Backends, live.Sessions);
        _table = Volatile.Read(ref live._table);
        _takenUp = Volatile.Read(ref live._takenUp);
        BringForward(live.NextDrainEndMs);
    }

    /// <summary>Who goes where.</summary>
    public BalancerSessions Sessions { get; }

    /// <summary>What is known of the backends.</summary>
    public BackendStates Backends { get; }

    /// <summary>When the next draining ends, milliseconds; <see cref="long.MaxValue"/> when none does.</summary>
    public long NextDrainEndMs => _due.NextDueMs;

    /// <summary>A state of its own for a dry run: it knows the sessions of this one, and whatever happens to it is not seen here.
    /// </summary>
    /// <param name="capacity">Connections that it takes.</param>
    /// <param name="alarm">The dry run's own.</param>
    public BalancerState Fork(int capacity, Alarm alarm) => new(this, capacity, alarm);

    /// <summary>Takes up which backends a snapshot has: the draining of those that it does not let serve begins. The first worker that
    /// sees the snapshot does it, at its burst's time.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="nowMs">The time, milliseconds.</param>
    public void TakeUp(ForwardingSnapshot snapshot, long nowMs)
    {
        uint seen = Volatile.Read(ref _takenUp);
        if (seen == snapshot.Version || Interlocked.CompareExchange(ref _takenUp, snapshot.Version, seen) != seen)
        {
            return;
        }

        BalancerTable now = snapshot.Balancers;
        BalancerTable before = Interlocked.Exchange(ref _table, now);
        int end = Math.Max(now.BackendEnd, before.BackendEnd);
        Volatile.Write(ref _end, Math.Max(_end, end));
        for (int number = 1; number < end; number++)
        {
            (Listener? listener, int place) = now.Backend(number);
            (Listener? old, _) = before.Backend(number);
            if (listener != null)
            {
                Backends.BeginAnew(number, listener.Backends[place].Since);
            }

            bool serves = listener != null && !listener.Backends[place].IsDraining;
            if (serves)
            {
                Backends.SetDrainEnd(number, 0);
            }
            else if ((listener ?? old) is Listener last && Backends.DrainEndMsOf(number) == 0)
            {
                long endMs = nowMs + last.DrainMs;
                Backends.SetDrainEnd(number, endMs);
                BringForward(endMs);
            }
        }
    }

    /// <summary>Notes that drainings have ended; their connections are to be looked at again.</summary>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <returns>False when none has.</returns>
    public bool EndDrains(long nowMs)
    {
        if (NextDrainEndMs > nowMs)
        {
            return false;
        }

        _due.Clear();
        for (int number = 1; number < Volatile.Read(ref _end); number++)
        {
            long endMs = Backends.DrainEndMsOf(number);
            if (endMs > nowMs)
            {
                BringForward(endMs);
            }
        }

        return true;
    }

    /// <summary>Chooses the backend of a new connection.</summary>
    /// <param name="listener">The listener.</param>
    /// <param name="client">Source address, raw.</param>
    /// <param name="nowMs">The time, milliseconds (wrapping).</param>
    /// <param name="why">How it was chosen.</param>
    /// <returns>The backend's place in the listener; -1 when none takes new connections.</returns>
    public int Choose(Listener listener, uint client, uint nowMs, out BackendChoice why)
    {
        why = BackendChoice.Sticky;
        int place = listener.StickinessMs == 0 ? -1 : StickyPlace(listener, client, nowMs);
        if (place >= 0)
        {
            return place;
        }

        why = (BackendChoice)listener.Algorithm;
        if (listener.Algorithm == BalancerAlgorithm.SourceIp)
        {
            return PlaceOf(listener, client);
        }

        ref int gate = ref _locks[listener.Number % LockCount];
        var spin = default(SpinWait);
        while (Interlocked.CompareExchange(ref gate, 1, 0) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        place = listener.Algorithm == BalancerAlgorithm.LeastConnections ? FewestConnections(listener) : NextInTurn(listener, -1, 1);
        Volatile.Write(ref gate, 0);
        return place;
    }

    /// <summary>Notes that a source address stays with the backend that was chosen for it.</summary>
    public void NoteChoice(Listener listener, uint client, in Session session, uint nowMs)
    {
        if (listener.StickinessMs != 0)
        {
            Sessions.Remember(SessionKey.StickyOf(listener.Number, client), session, nowMs, listener.StickinessMs);
        }
    }

    /// <summary>True when a backend may be given a new connection.</summary>
    public bool TakesNew(in Backend backend) => !backend.IsDraining && backend.Weight > 0 && IsHealthy(backend);

    /// <summary>False when its health checks failed; one that was not checked yet counts as healthy.</summary>
    public bool IsHealthy(in Backend backend) => backend.Probe == 0 || _probes.HealthOf(backend.Probe) != ProbeHealth.Unhealthy;

    /// <inheritdoc/>
    public void Dispose()
    {
        Sessions.Dispose();
        Backends.Dispose();
    }

    private int StickyPlace(Listener listener, uint client, uint nowMs)
    {
        if (!Sessions.TryFind(SessionKey.StickyOf(listener.Number, client), nowMs, out Session session))
        {
            return -1;
        }

        for (int place = 0; place < listener.Backends.Length; place++)
        {
            ref readonly Backend backend = ref listener.Backends[place];
            if (backend.Number == session.Backend)
            {
                return TakesNew(backend) ? place : -1;
            }
        }

        return -1;
    }

    /// <summary>Those whose backend takes nothing new go where another hash of their address leads; all others stay where they are.
    /// </summary>
    private int PlaceOf(Listener listener, uint client)
    {
        ushort[] places = listener.Places;
        for (uint round = 0; round < MaxRehashes && places.Length > 0; round++)
        {
            int place = places[HashOf(client, round) % (uint)places.Length];
            if (TakesNew(listener.Backends[place]))
            {
                return place;
            }
        }

        int start = (int)(HashOf(client, 0) % (uint)Math.Max(1, listener.Backends.Length));
        for (int i = 0; i < listener.Backends.Length; i++)
        {
            int place = (start + i) % listener.Backends.Length;
            if (TakesNew(listener.Backends[place]))
            {
                return place;
            }
        }

        return -1;
    }

    /// <summary>The same in every switch: a client keeps its backend when the switch is started anew (splitmix64).</summary>
    private static uint HashOf(uint client, uint round)
    {
        ulong z = client + ((round + 1) * 0x9E37_79B9_7F4A_7C15UL);
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EBUL;
        return (uint)((z ^ (z >> 31)) >> 32);
    }

    /// <summary>The next in turn of those that have as many live connections for their weight as given; of all when
    /// <paramref name="live"/> is below 0. Smooth: each gains its weight, the first with most gets the connection and pays the sum.
    /// </summary>
    private int NextInTurn(Listener listener, long live, long weight)
    {
        int best = -1;
        long sum = 0;
        for (int place = 0; place < listener.Backends.Length; place++)
        {
            ref readonly Backend backend = ref listener.Backends[place];
            if (!TakesNew(backend) || (live >= 0 && Backends.LiveOf(backend.Number) * weight != live * backend.Weight))
            {
                continue;
            }

            ref long turn = ref Backends.TurnOf(backend.Number);
            turn += backend.Weight;
            sum += backend.Weight;
            if (best < 0 || turn > Backends.TurnOf(listener.Backends[best].Number))
            {
                best = place;
            }
        }

        if (best >= 0)
        {
            Backends.TurnOf(listener.Backends[best].Number) -= sum;
        }

        return best;
    }

    private int FewestConnections(Listener listener)
    {
        long live = -1;
        long weight = 1;
        foreach (ref readonly Backend backend in listener.Backends.AsSpan())
        {
            long own = Backends.LiveOf(backend.Number);
            if (TakesNew(backend) && (live < 0 || own * weight < live * backend.Weight))
            {
                live = own;
                weight = backend.Weight;
            }
        }

        return live < 0 ? -1 : NextInTurn(listener, live, weight);
    }

    private void BringForward(long endMs)
    {
        _due.BringForward(endMs);
        _alarm.BringForward(endMs);
    }
}

/// <summary>How a backend was chosen.</summary>
public enum BackendChoice : byte
{
    /// <summary>It was its turn.</summary>
    InTurn,

    /// <summary>It had fewest connections for its weight.</summary>
    FewestConnections,

    /// <summary>By the hash of the source address.</summary>
    SourceAddress,

    /// <summary>The source address stays with it.</summary>
    Sticky,
}
