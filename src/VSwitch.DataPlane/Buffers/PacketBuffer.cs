using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Buffers;

/// <summary>The descriptor of one frame: one cache line, directly before the frame's memory.
/// A buffer in memory is: descriptor (64 bytes), scratch (64: the IPv6 key), headroom (64), frame. From the scratch line's second
/// half to the ten bytes before the frame, where devices put a virtio header, lies what a watched frame looked like as it came in
/// (<see cref="Watching.ReceivedFrame"/>).
/// One worker at a time owns a buffer; only a hand-over ring passes it on.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public unsafe struct PacketBuffer
{
    /// <summary>One cache line; a house test holds it.</summary>
    public const int SizeBytes = 64;

    /// <summary>From the descriptor to the first byte of a received frame.</summary>
    public const int DataOffsetBytes = 192;

    /// <summary>From the descriptor to the scratch line.</summary>
    public const int ScratchOffsetBytes = 64;

    /// <summary>From the descriptor to what was saved of a watched frame; the IPv6 key before it has 32 bytes.</summary>
    public const int SavedOffsetBytes = 96;

    /// <summary>First byte of the frame (Ethernet destination).</summary>
    [FieldOffset(0)] public byte* Data;

    /// <summary>Bytes of the frame, without FCS. Set by the device on receive.</summary>
    [FieldOffset(8)] public int Length;

    /// <summary>Port on which the frame came in.</summary>
    [FieldOffset(12)] public ushort InPort;

    /// <summary>Port on which it leaves; set by the pipeline.</summary>
    [FieldOffset(14)] public ushort OutPort;

    /// <summary>Of a fragment, from the worker where its datagram's fragments meet until it leaves: the datagram's slot in that
    /// worker's table. The same bytes as <see cref="OutPort"/>, which has no meaning before that.</summary>
    [FieldOffset(14)] public ushort Datagram;

    /// <summary>IPv4 connection key (16 bytes, see FlowKey); the IPv6 key is in the scratch line.</summary>
    [FieldOffset(16)] public ulong KeyLow;

    /// <summary>Second half of the IPv4 key.</summary>
    [FieldOffset(24)] public ulong KeyHigh;

    /// <summary>Hash of the key for the connection table.</summary>
    [FieldOffset(32)] public uint Hash;

    /// <summary>Candidate of the table probe: a connection's number, or -1.</summary>
    [FieldOffset(36)] public int Candidate;

    /// <summary>Offset of the transport header from <see cref="Data"/>, bytes; 0 when there is none.</summary>
    [FieldOffset(40)] public ushort L4Offset;

    /// <summary>Offset of the network header from <see cref="Data"/>, bytes.</summary>
    [FieldOffset(42)] public byte L3Offset;

    /// <summary>IP protocol number after extension headers.</summary>
    [FieldOffset(43)] public byte Protocol;

    /// <summary>What the parser found; see <see cref="PacketFlags"/>.</summary>
    [FieldOffset(44)] public PacketFlags Flags;

    /// <summary>Worker whose pool the buffer belongs to.</summary>
    [FieldOffset(46)] public byte OwnerWorker;

    /// <summary>1 for a buffer that takes a 64 KiB super-packet.</summary>
    [FieldOffset(47)] public byte IsLarge;

    /// <summary>Bytes that the frame's memory can take from <see cref="Data"/> at <see cref="DataOffsetBytes"/>.</summary>
    [FieldOffset(48)] public int CapacityBytes;

    /// <summary>Offload state as the virtio network header carries it (virtio 1.2, 5.1.6.1); all zero without offload.</summary>
    [FieldOffset(52)] public VirtioNetHeader Offload;

    /// <summary>Bytes of the IP packet by its own header: what lies behind is padding.</summary>
    [FieldOffset(62)] public ushort L3Length;
}

/// <summary>What the parser learnt of a frame.</summary>
[Flags]
public enum PacketFlags : ushort
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The network header is IPv6.</summary>
    IsV6 = 1,

    /// <summary>A fragment (first or later).</summary>
    Fragment = 2,

    /// <summary>A fragment with an offset: no transport header.</summary>
    LaterFragment = 4,

    /// <summary>The canonical key swapped the endpoints: the packet travels from the higher endpoint to the lower.</summary>
    Swapped = 8,

    /// <summary>An ICMP or ICMPv6 error: the key is the quoted packet's.</summary>
    IcmpError = 16,

    /// <summary>Both ends are EIPs of this switch (semantics.md section 7, hairpin).</summary>
    Hairpin = 32,

    /// <summary>The frame has no key: the stateless checks will answer or drop it.</summary>
    NoKey = 64,

    /// <summary>The switch made the frame itself.</summary>
    Generated = 128,

    /// <summary>What the pipeline changes in the frame was saved as it came in (<see cref="Watching.ReceivedFrame"/>), because
    /// somebody watches.</summary>
    Saved = 256,

    /// <summary>From outside, for a public address and port that stand for a private address and port of a connection: the key has the
    /// private ones. Whoever takes it along a connection compares first (<see cref="Flows.FlowAction.PortXor"/>).</summary>
    Mapped = 512,

    /// <summary>For a load balancer's listener. With <see cref="Mapped"/> the key is that of the client and its backend; without it, and
    /// with <see cref="NoKey"/>, the client has no backend yet.</summary>
    Balanced = 2048,
}

/// <summary>The ten bytes of struct virtio_net_hdr (virtio 1.2, 5.1.6.1), little endian, as IFF_VNET_HDR puts before a frame.</summary>
[StructLayout(LayoutKind.Explicit, Size = 10)]
public struct VirtioNetHeader
{
    /// <summary><see cref="Flags"/>: the checksum is left to the device.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary><see cref="GsoType"/>: TCP over IPv4.</summary>
    public const byte Tcp4 = 1;

    /// <summary><see cref="GsoType"/>: TCP over IPv6.</summary>
    public const byte Tcp6 = 4;

    /// <summary><see cref="GsoType"/>: UDP datagrams of equal size (the last may be shorter).</summary>
    public const byte UdpDatagrams = 5;

    /// <summary><see cref="GsoType"/>: beside another one, TCP with ECN.</summary>
    public const byte EcnBit = 0x80;

    /// <summary>1 = the checksum at <see cref="ChecksumStart"/> + <see cref="ChecksumOffset"/> holds only the pseudo-header sum.</summary>
    [FieldOffset(0)] public byte Flags;

    /// <summary>0 none, 1 TCPv4, 3 UDP, 4 TCPv6, 5 UDP L4; bit 7 ECN.</summary>
    [FieldOffset(1)] public byte GsoType;

    /// <summary>Bytes of headers before the payload that is segmented.</summary>
    [FieldOffset(2)] public ushort HeaderLength;

    /// <summary>Payload bytes of a segment.</summary>
    [FieldOffset(4)] public ushort GsoSize;

    /// <summary>Where summing starts, from the frame's first byte.</summary>
    [FieldOffset(6)] public ushort ChecksumStart;

    /// <summary>Where the sum goes, from <see cref="ChecksumStart"/>.</summary>
    [FieldOffset(8)] public ushort ChecksumOffset;
}
