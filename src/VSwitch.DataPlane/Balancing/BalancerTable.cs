using System.Diagnostics.CodeAnalysis;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Balancing;

/// <summary>The load balancers of a snapshot: which address and port is a listener's, and which backends there are. Immutable.</summary>
[SuppressMessage("Design", "CA1001", Justification = "As with its snapshot: only the collector knows when to free.")]
public sealed class BalancerTable
{
    /// <summary>No load balancer.</summary>
    public static readonly BalancerTable Empty = new([], [], []);

    private readonly NativeMap _balancers;
    private readonly NativeMap _listenerOf;
    private readonly Listener[] _listeners;
    private readonly (Listener? Listener, int Place)[] _byNumber;

    /// <summary>Makes the table.</summary>
    /// <param name="names">The load balancers' names, for people; their numbers here count from 1.</param>
    /// <param name="addresses">Space (a VPC's number, 0 for the public one) and raw address to the load balancer's number: its private
    /// address, and its elastic IPs.</param>
    /// <param name="listeners">The listeners of each load balancer.</param>
    public BalancerTable(
        string[] names, ReadOnlySpan<(int Space, uint Address, int Balancer)> addresses,
        ReadOnlySpan<(int Balancer, Listener Listener)> listeners)
    {
        Names = names;
        var ways = new KeyValuePair<ulong, int>[addresses.Length];
        for (int i = 0; i < addresses.Length; i++)
        {
            ways[i] = KeyValuePair.Create(ForwardingSnapshot.Ip4Key(addresses[i].Space, addresses[i].Address), addresses[i].Balancer);
        }

        var places = new KeyValuePair<ulong, int>[listeners.Length];
        _listeners = new Listener[listeners.Length];
        int end = 1;
        for (int i = 0; i < listeners.Length; i++)
        {
            (int balancer, Listener listener) = listeners[i];
            _listeners[i] = listener;
            places[i] = KeyValuePair.Create(Key(balancer, listener.Protocol, listener.Port), i + 1);
            foreach (Backend backend in listener.Backends)
            {
                end = Math.Max(end, backend.Number + 1);
            }
        }

        _byNumber = new (Listener?, int)[end];
        foreach (Listener listener in _listeners)
        {
            for (int place = 0; place < listener.Backends.Length; place++)
            {
                _byNumber[listener.Backends[place].Number] = (listener, place);
            }
        }

        _balancers = new NativeMap(ways);
        _listenerOf = new NativeMap(places);
    }

    /// <summary>Names of the load balancers; the number less 1 is the place.</summary>
    public string[] Names { get; }

    /// <summary>True when there is none.</summary>
    public bool IsEmpty => Names.Length == 0;

    /// <summary>All listeners.</summary>
    public ReadOnlySpan<Listener> Listeners => _listeners;

    /// <summary>Behind the highest number of a backend.</summary>
    public int BackendEnd => _byNumber.Length;

    /// <summary>The load balancer with a raw address in a space, 0 = none.</summary>
    public int Find(int space, uint address) => _balancers.Lookup(ForwardingSnapshot.Ip4Key(space, address), 0);

    /// <summary>The listener of a load balancer; null when that port of that protocol has none.</summary>
    /// <param name="balancer">The load balancer's number; 0 has no listener.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="port">Port, raw.</param>
    public Listener? Listener(int balancer, byte protocol, ushort port)
    {
        int place = _listenerOf.Lookup(Key(balancer, protocol, port), 0);
        return place == 0 ? null : _listeners[place - 1];
    }

    /// <summary>The listener and the place there of a backend by its number; no listener when it is not configured.</summary>
    public (Listener? Listener, int Place) Backend(int number) => number < _byNumber.Length ? _byNumber[number] : default;

    private static ulong Key(int balancer, byte protocol, ushort port) => ((ulong)(uint)balancer << 32) | ((uint)protocol << 16) | port;
}
