using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Balancing;

/// <summary>What is known of each backend while the switch runs, by its number: native memory, any worker, whole words.</summary>
public sealed unsafe class BackendStates : IDisposable
{
    /// <summary>Numbers are below this: a session keeps one in 16 bits.</summary>
    public const int Capacity = ushort.MaxValue + 1;

    private readonly HugeMemory _memory;
    private readonly State* _states;

    /// <summary>Makes the states of backends that nothing is known of.</summary>
    public BackendStates()
    {
        _memory = new HugeMemory(Capacity * (nuint)sizeof(State));
        _states = (State*)_memory.Address;
    }

    private struct State
    {
        public long Live;
        public long Total;

        /// <summary>End of its draining, milliseconds; 0 = it serves.</summary>
        public long DrainEndMs;

        /// <summary>Its standing in the turn (smooth weighted round robin); the listener's lock guards it.</summary>
        public long Turn;
        public uint Since;
    }

    /// <summary>Live connections.</summary>
    public long LiveOf(int number) => Volatile.Read(ref _states[number].Live);

    /// <summary>Connections so far.</summary>
    public long TotalOf(int number) => Volatile.Read(ref _states[number].Total);

    /// <summary>When its draining ends, milliseconds on the data plane's clock; 0 when it serves.</summary>
    public long DrainEndMsOf(int number) => Volatile.Read(ref _states[number].DrainEndMs);

    /// <summary>True when its connections may go on.</summary>
    public bool KeepsConnections(int number, long nowMs) => DrainEndMsOf(number) is var end && (end == 0 || nowMs < end);

    internal ref long TurnOf(int number) => ref _states[number].Turn;

    internal void NoteBegin(int number)
    {
        Interlocked.Increment(ref _states[number].Live);
        Interlocked.Increment(ref _states[number].Total);
    }

    internal void NoteEnd(int number) => Interlocked.Decrement(ref _states[number].Live);

    /// <summary>Its number is another backend's from a snapshot on: what was counted is not its own.</summary>
    internal void BeginAnew(int number, uint since)
    {
        State* state = _states + number;
        if (state->Since != since)
        {
            state->Since = since;
            Volatile.Write(ref state->Total, Volatile.Read(ref state->Live));
            Volatile.Write(ref state->DrainEndMs, 0);
            state->Turn = 0;
        }
    }

    internal void SetDrainEnd(int number, long endMs) => Volatile.Write(ref _states[number].DrainEndMs, endMs);

    internal void CopyTo(BackendStates other, int end) => new ReadOnlySpan<State>(_states, end).CopyTo(new Span<State>(other._states, end));

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
