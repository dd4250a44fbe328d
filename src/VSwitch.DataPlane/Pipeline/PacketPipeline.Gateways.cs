using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Gateways. The question: what is beyond this port, and may it come in, or go out, here? Order of checks, section 16. To the corridor a
/// gateway is an internet side of one VPC, without EIPs; what carries its frames is in <c>PacketPipeline.Vlan.cs</c> and
/// <c>PacketPipeline.Tunnels.cs</c>.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const long LookAgainNs = 1_000_000_000;

    private Func<int, bool>? _isGatewayUp;
    private GatewayLinkDevice?[] _links = [];
    private long[] _notedDownNs = [];

    /// <summary>Makes this worker's ways to the devices of gateways that have none of their own.</summary>
    private void UseGateways()
    {
        Gateway?[] gateways = _snapshot.Gateways;
        _isGatewayUp ??= IsGatewayUp;
        _links = gateways.Length == 0 ? [] : new GatewayLinkDevice?[gateways.Length];
        Array.Resize(ref _notedDownNs, Math.Max(_notedDownNs.Length, gateways.Length));
        foreach (Gateway? gateway in gateways)
        {
            if (gateway != null && gateway.Link != GatewayLink.Device)
            {
                _links[gateway.Port] = gateway.IsTunnel ? new TunnelDevice(this, gateway) : new VlanDevice(this, gateway);
            }
        }
    }

    /// <summary>True for the internet side and for gateways: what comes from there is no ENI's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsOutside(int port) => port == 0 || (_snapshot.Enis[port].Flags & EniFlags.Gateway) != 0;

    /// <summary>What is beyond the port; nothing at all if it is no such port (any more).</summary>
    private InternetSide SideOf(int port) => port == 0 ? _internet : GatewayAt(port)?.Side ?? InternetSide.None;

    private Gateway? GatewayAt(int port) => port < _snapshot.Gateways.Length ? _snapshot.Gateways[port] : null;

    /// <summary>True when the packet comes from one gateway and its connection has another one of the same VPC: the other end may answer by any
    /// of those that the routes lead to.</summary>
    private bool IsByOtherGateway(PacketBuffer* p, int usualPort)
    {
        const EniFlags Wanted = EniFlags.Exists | EniFlags.Gateway;
        Eni* here = _snapshot.Enis + p->InPort;
        Eni* usual = _snapshot.Enis + usualPort;
        return usualPort != p->InPort && (here->Flags & usual->Flags & Wanted) == Wanted && here->Vpc == usual->Vpc;
    }

    /// <summary>Order of checks, section 16, 1 to 4.</summary>
    private DropReason CheckFromGateway<TAddress, TFamily>(int port, TAddress source, TAddress destination, out bool isLocal)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isLocal = TFamily.IsOwn(SideOf(port), destination);
        return isLocal ? DropReason.None
            : CheckBeyond<TAddress, TFamily>(port, source, TFamily.PortOf(_snapshot, _snapshot.Enis[port].Vpc, destination));
    }

    private DropReason DecideFromGateway<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        decision.OutPort = TFamily.PortOf(_snapshot, opening.Space, opening.Destination);
        return CheckBeyond<TAddress, TFamily>(opening.Port, opening.Source, decision.OutPort);
    }

    /// <summary>May an address beyond a gateway reach an ENI? It is no inside or public address, and the ENI's routes lead back to that gateway
    /// (RFC 3704 section 2.3, feasible path: also as a second choice of the same prefix).</summary>
    private DropReason CheckBeyond<TAddress, TFamily>(int gateway, TAddress source, int target)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isInside = TFamily.Contains(_snapshot.Vpcs[_snapshot.Enis[gateway].Vpc], source) ||
            TFamily.EipOf(_snapshot, source) != 0 || TFamily.IsOwn(_internet, source) || TFamily.IsOwn(SideOf(gateway), source);
        if (isInside)
        {
            return DropReason.SpoofedIp;
        }

        if (target == 0)
        {
            return DropReason.NoRoute;
        }

        RouteTable routes = _snapshot.Subnets[_snapshot.Enis[target].Subnet].Routes;
        bool leadsBack = TFamily.Route(routes, source, out ushort number) == RouteTarget.Gateway &&
            _snapshot.GatewayGroups[number].Contains(gateway);
        if (_tracer.IsEnabled && !leadsBack)
        {
            _tracer.Note(PipelineStage.Route, $"no route of {PortName(target)}'s subnet leads back to gateway {PortName(gateway)}");
        }

        return leadsBack ? DropReason.None : DropReason.NoRoute;
    }

    /// <summary>Which gateway of a route's a connection goes by (section 16, 6).</summary>
    private int ChooseGateway<TAddress>(in Opening<TAddress> opening, int number)
        where TAddress : unmanaged, IEquatable<TAddress>
    {
        GatewayGroup group = _snapshot.GatewayGroups[number];
        ulong both = ((ulong)opening.Protocol << 32) | ((uint)opening.Selector << 16) | opening.ReplySelector;
        ulong hash = RawHash.Of(Widen(opening.Source), (uint)RawHash.Of(Widen(opening.Destination), (uint)(both ^ (both >> 32))));
        int port = group.Choose((uint)(hash >> 32), opening.KeptReceiver, _isGatewayUp!);
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Route, group.Hops.Length == 1
                ? $"the route leads to gateway {PortName(port)}"
                : $"the route leads to {group.Hops.Length} gateways; this connection goes by {PortName(port)}");
        }

        return port;
    }

    private bool IsGatewayUp(int port)
    {
        int carrier = GatewayAt(port)?.Carrier ?? port;
        IPacketDevice?[] devices = _shared.Devices;
        return carrier < devices.Length && devices[carrier] is { Status.IsUp: true };
    }

    /// <summary>The next hop of a destination beyond the internet side or a gateway; a link from point to point needs none.</summary>
    private bool TryNextHop<TAddress, TFamily>(int port, TAddress destination, out TAddress nextHop)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        nextHop = destination;
        return (_snapshot.Enis[port].Flags & EniFlags.Exists) != 0 &&
            (GatewayAt(port) is { IsPointToPoint: true } || TFamily.TryNextHop(SideOf(port), destination, out nextHop));
    }

    /// <summary>The MACs that a frame to a gateway needs: of a tunnel first that of the outer packet's next hop, then, where there are
    /// neighbours, the inner one's.</summary>
    private DropReason ResolveAtGateway<TAddress, TFamily>(TAddress nextHop, bool isAsked, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Gateway gateway = GatewayAt(decision.OutPort)!;
        if (gateway.IsTunnel)
        {
            DropReason reason = OuterNextHop(gateway, out uint outer, out ulong mac);
            if (reason == DropReason.NeighborUnresolved && isAsked)
            {
                AskNeighbor(outer, 0);
            }

            if (reason != DropReason.None || gateway.IsPointToPoint)
            {
                return reason;
            }
        }

        return ResolveNeighbor<TAddress, TFamily>(decision.OutPort, nextHop, isAsked, ref decision);
    }

    /// <summary>Where a tunnel's outer packets go.</summary>
    /// <param name="gateway">The tunnel.</param>
    /// <param name="nextHop">Raw address of the next hop on the internet side.</param>
    /// <param name="mac">Its raw MAC, 0 = unknown.</param>
    private DropReason OuterNextHop(Gateway gateway, out uint nextHop, out ulong mac)
    {
        mac = 0;
        if (!_internet.TryNextHop(gateway.Remote, out nextHop))
        {
            return DropReason.NoRoute;
        }

        mac = Ip4Family.Neighbor(_internet, _shared.Neighbors, nextHop);
        return mac != 0 ? DropReason.None : DropReason.NeighborUnresolved;
    }

    /// <summary>Why a gateway's carrier took no more, and what is to be done about it: connections that have another way may take it, and a
    /// tunnel's next hop is asked for.</summary>
    private DropReason ReasonOfGateway(Gateway gateway)
    {
        if (IsGatewayUp(gateway.Port))
        {
            uint outer = 0;
            DropReason reason = gateway.IsTunnel ? OuterNextHop(gateway, out outer, out _) : DropReason.QueueFull;
            if (reason == DropReason.NeighborUnresolved)
            {
                AskNeighbor(outer, 0);
            }

            return reason == DropReason.None ? DropReason.QueueFull : reason;
        }

        if (_nowNs - _notedDownNs[gateway.Port] >= LookAgainNs && HasOtherWay(gateway.Port))
        {
            _notedDownNs[gateway.Port] = _nowNs;
            _shared.MakeActionsStale();
        }

        return DropReason.PortDown;
    }

    private bool HasOtherWay(int port)
    {
        foreach (GatewayGroup group in _snapshot.GatewayGroups)
        {
            if (!group.Contains(port))
            {
                continue;
            }

            foreach (GatewayHop hop in group.Hops)
            {
                if (hop.Port != port && IsGatewayUp(hop.Port))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>True for what came from a gateway and is so malformed that no ENI of this switch is its receiver.</summary>
    private bool IsOfNoEni(PacketBuffer* p) =>
        (_snapshot.Enis[p->InPort].Flags & (EniFlags.Gateway | EniFlags.Trunk)) != 0 && p->KeyHigh == NoTuple;

    /// <summary>The way to the device of a gateway that has none of its own. One worker's.</summary>
    private abstract class GatewayLinkDevice(PacketPipeline<TTracer> pipeline, Gateway gateway) : IPacketDevice
    {
        /// <summary>The most that a link writes before a frame, and that its device may write before that (a virtio header).</summary>
        private const int MostBytesBefore = 64;

        /// <summary>The inner Ethernet header, which a link without Ethernet overwrites.</summary>
        private const int MostBytesInside = ParseStage.EthernetBytes;

        private const int KeptBytes = MostBytesBefore + MostBytesInside;
        private const int AtOnce = 32;

        public string Name => Pipeline._snapshot.PortNames[Gateway.Port];

        public abstract DeviceCapabilities Capabilities { get; }

        public DeviceStatus Status { get; } = new();

        protected PacketPipeline<TTracer> Pipeline { get; } = pipeline;

        protected Gateway Gateway { get; } = gateway;

        protected IPacketDevice? Carrier
        {
            get
            {
                IPacketDevice?[] devices = Pipeline._shared.Devices;
                return Gateway.Carrier < devices.Length ? devices[Gateway.Carrier] : null;
            }
        }

        public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

        public int PollHandle(int queue) => -1;

        public int Transmit(int queue, PacketBuffer** packets, int count)
        {
            IPacketDevice? carrier = Carrier;
            int sent = 0;
            Status.IsUp = carrier != null && carrier.Status.IsUp && IsReady();
            while (Status.IsUp && sent < count)
            {
                int some = Math.Min(AtOnce, count - sent);
                int taken = TransmitSome(carrier!, packets + sent, some);
                sent += taken;
                if (taken < some)
                {
                    Status.IsUp = carrier!.Status.IsUp;
                    break;
                }
            }

            // A replay writes what a gateway sends as the frames of its link, too.
            IPacketDevice?[] devices = Pipeline._shared.Devices;
            if (Gateway.Port < devices.Length)
            {
                devices[Gateway.Port]?.Transmit(0, packets, sent);
            }

            return sent;
        }

        public void Dispose()
        {
        }

        /// <summary>Looks up what all frames of a burst need; false when that is not known.</summary>
        protected abstract bool IsReady();

        /// <summary>Makes the frame one of the carrier's: in its own buffer, before its first byte.</summary>
        protected abstract void Wrap(PacketBuffer* p);

        /// <summary>The buffer is as before afterwards: whoever watches finds what it saved there, and sees the frame of the link.</summary>
        private int TransmitSome(IPacketDevice carrier, PacketBuffer** packets, int count)
        {
            byte* kept = stackalloc byte[AtOnce * KeptBytes];
            PacketBuffer* descriptors = stackalloc PacketBuffer[AtOnce];
            for (int i = 0; i < count; i++)
            {
                descriptors[i] = *packets[i];
                Unsafe.CopyBlockUnaligned(kept + (i * KeptBytes), packets[i]->Data - MostBytesBefore, KeptBytes);
                Wrap(packets[i]);
            }

            int taken = carrier.Transmit(Pipeline._egress.TransmitQueue % carrier.Capabilities.QueueCount, packets, count);
            CountCarried(packets, taken);
            for (int i = 0; i < count; i++)
            {
                *packets[i] = descriptors[i];
                Unsafe.CopyBlockUnaligned(packets[i]->Data - MostBytesBefore, kept + (i * KeptBytes), KeptBytes);
            }

            return taken;
        }

        /// <summary>On the carrier's port they are frames that the switch made.</summary>
        private void CountCarried(PacketBuffer** packets, int count)
        {
            Counters.PortCounters* to = Pipeline._counters.Ports + Gateway.Carrier;
            for (int i = 0; i < count; i++)
            {
                to->SentBytes += packets[i]->Length;
                Pipeline._watch?.NoteSent(
                    packets[i], Watching.PacketVerdict.Generated, Gateway.Carrier, Watching.Sighting.NoPort, Pipeline.Place);
            }

            to->SentPackets += count;
            to->Generated += count;
        }
    }
}
