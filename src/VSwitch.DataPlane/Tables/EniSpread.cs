using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Tables;

/// <summary>The question: on which queue of its ENI does a frame for the guest go? Toeplitz with the ENI's key over the frame as the guest
/// sees it, then 128 entries, as a network card with receive side scaling does (semantics.md decision 14 and section 8): source and
/// destination address and, of whole TCP, UDP and SCTP packets, the ports. Immutable.</summary>
public sealed unsafe class EniSpread
{
    private const byte Sctp = 132;
    private const int MaxQueues = 64;
    private const int Ip4SourceAt = 12;
    private const int Ip6SourceAt = 8;
    private readonly Toeplitz _toeplitz;
    private readonly byte[] _indirection = new byte[Steering.IndirectionEntries];

    /// <summary>Makes one.</summary>
    /// <param name="key">Toeplitz key, 40 bytes.</param>
    /// <param name="indirection">128 numbers of queues; null = all of 64 in turn, of which those count that are in use.</param>
    public EniSpread(ReadOnlySpan<byte> key, IReadOnlyList<byte>? indirection)
    {
        _toeplitz = new Toeplitz(key);
        for (int i = 0; i < _indirection.Length; i++)
        {
            _indirection[i] = indirection?[i] ?? (byte)(i % MaxQueues);
        }
    }

    /// <summary>The queue of an entry of the table.</summary>
    /// <param name="entry">0 to 127.</param>
    /// <param name="queues">Queues in use, from 1.</param>
    public int QueueOfEntry(int entry, int queues) => _indirection[entry] % queues;

    /// <summary>The queue of a frame; what is no IP packet, and what the switch says itself, goes on the first one.</summary>
    /// <param name="p">A frame as it is sent.</param>
    /// <param name="queues">Queues in use, from 1.</param>
    public int QueueOf(PacketBuffer* p, int queues) => (p->Flags & PacketFlags.Generated) != 0 || p->L3Offset == 0 ? 0
        : QueueOfEntry((int)(HashOf(p) % Steering.IndirectionEntries), queues);

    /// <summary>The hash of a whole or fragmented IP packet.</summary>
    public uint HashOf(PacketBuffer* p)
    {
        bool hasPorts = p->L4Offset != 0 && (p->Flags & PacketFlags.Fragment) == 0 &&
            p->Protocol is ParseStage.Tcp or ParseStage.Udp or Sctp;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        int addressBytes = isV6 ? 32 : 8;
        byte* input = stackalloc byte[Toeplitz.MaxInputBytes];
        new ReadOnlySpan<byte>(p->Data + p->L3Offset + (isV6 ? Ip6SourceAt : Ip4SourceAt), addressBytes).CopyTo(new Span<byte>(input, addressBytes));
        if (hasPorts)
        {
            *(uint*)(input + addressBytes) = *(uint*)(p->Data + p->L4Offset);
        }

        return _toeplitz.Hash(new ReadOnlySpan<byte>(input, addressBytes + (hasPorts ? 4 : 0)));
    }
}
