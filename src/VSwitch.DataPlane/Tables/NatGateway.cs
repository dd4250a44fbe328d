using VSwitch.DataPlane.Flows;

namespace VSwitch.DataPlane.Tables;

/// <summary>A compiled NAT gateway. Immutable; read on first packets, and for the idle times of its connections.</summary>
public sealed class NatGateway
{
    private readonly uint[] _timeoutMs;

    /// <summary>Compiles it.</summary>
    /// <param name="name">Its name, for people.</param>
    /// <param name="vpc">Index of its VPC.</param>
    /// <param name="capacity">Connections at most.</param>
    /// <param name="timeouts">Idle times of its connections.</param>
    /// <param name="eips">Its EIPs: indices into <see cref="ForwardingSnapshot.Eips"/>, in the order of the configuration.</param>
    /// <param name="pools">Their numbers (<see cref="Eip.Number"/>), which are those of their <see cref="Nat.NatPool"/>s.</param>
    public NatGateway(string name, ushort vpc, int capacity, ConnectionTimeouts timeouts, int[] eips, int[] pools)
    {
        Name = name;
        Vpc = vpc;
        Capacity = capacity;
        Timeouts = timeouts;
        Eips = eips;
        Pools = pools;
        _timeoutMs = new uint[(int)FlowState.Other + 1];
        for (int state = 0; state < _timeoutMs.Length; state++)
        {
            _timeoutMs[state] = timeouts.Of((FlowState)state);
        }
    }

    /// <summary>What stands at index 0.</summary>
    public static NatGateway None { get; } = new("", 0, 0, new ConnectionTimeouts(), [], []);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Index of its VPC.</summary>
    public ushort Vpc { get; }

    /// <summary>Connections at most.</summary>
    public int Capacity { get; }

    /// <summary>Idle times of its connections.</summary>
    public ConnectionTimeouts Timeouts { get; }

    /// <summary>Its EIPs in the snapshot.</summary>
    public int[] Eips { get; }

    /// <summary>Numbers of its EIPs, in the same order.</summary>
    public int[] Pools { get; }

    /// <summary>Idle time of a state, milliseconds.</summary>
    public uint TimeoutMs(FlowState state) => _timeoutMs[(int)state];
}
