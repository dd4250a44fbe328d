using System.Buffers.Binary;

namespace VSwitch.Testing;

/// <summary>What a step of a TCP conversation is beside its flags.</summary>
internal enum TrafficTcpKind
{
    /// <summary>Sequence and acknowledgement go on from what both ends have sent.</summary>
    Usual,

    /// <summary>A SYN with a first sequence number of its own, whatever came before.</summary>
    NewSyn,

    /// <summary>An ACK of what was so before the other end's new SYN (RFC 5961).</summary>
    Challenge,

    /// <summary>A RST whose sequence number is what the other end acknowledged last.</summary>
    ResetByAck,

    /// <summary>A RST or FIN that somebody made up.</summary>
    Forged,
}

/// <summary>Both ends' sequence numbers of a TCP conversation, and segments that mostly fit them: now and then one is retransmitted,
/// runs ahead, or has numbers that fit nothing. Many begin just before 2^32.</summary>
internal sealed class TrafficTcp(Random random)
{
    private readonly End _a = new(FirstOf(random));
    private readonly End _b = new(FirstOf(random));
    private readonly bool _isScaled = random.Next(3) != 0;
    private readonly bool _isSelective = random.Next(2) == 0;

    private sealed class End(uint first)
    {
        public uint First { get; set; } = first;

        public uint Next { get; set; } = first;

        public uint NextBefore { get; set; } = first;

        public uint LastAck { get; set; }
    }

    /// <summary>Sets the numbers, the window and the options of a segment.</summary>
    public TcpLayer Number(TcpLayer tcp, bool fromA, TrafficTcpKind kind, int payload)
    {
        (End me, End peer) = fromA ? (_a, _b) : (_b, _a);
        bool isSyn = tcp.Flags.HasFlag(TcpBits.Syn);
        if (kind == TrafficTcpKind.NewSyn)
        {
            me.NextBefore = me.Next;
            me.First = random.Next(3) == 0 ? me.Next + (uint)random.Next(100_000) : FirstOf(random);
        }

        uint sequence = isSyn ? me.First : kind == TrafficTcpKind.ResetByAck ? peer.LastAck : me.Next;
        me.Next = sequence + (uint)payload + (isSyn ? 1u : 0) + (tcp.Flags.HasFlag(TcpBits.Fin) ? 1u : 0);
        uint ack = tcp.Flags.HasFlag(TcpBits.Ack) ? kind == TrafficTcpKind.Challenge ? peer.NextBefore : peer.Next : 0;
        me.LastAck = ack;
        if (kind == TrafficTcpKind.Forged)
        {
            me.Next = sequence;
            sequence = Astray(sequence);
        }
        else if (random.Next(25) == 0)
        {
            sequence = Astray(sequence);
        }

        if (ack != 0 && random.Next(30) == 0)
        {
            ack = Astray(ack);
        }

        return tcp with { Sequence = sequence, Acknowledgment = ack, Window = Window(), Options = isSyn ? SynOptions() : Options(peer) };
    }

    private static uint FirstOf(Random random) => random.Next(2) == 0
        ? uint.MaxValue - (uint)random.Next(3000)
        : (uint)random.NextInt64(1L << 32);

    /// <summary>A number nearby, a window away, or anywhere.</summary>
    private uint Astray(uint number) => random.Next(8) switch
    {
        0 => number + 1,
        1 => number - 1,
        2 => number - (uint)random.Next(3000),
        3 => number + (uint)random.Next(3000),
        4 => number - (uint)random.Next(140_000),
        5 => number + (uint)random.Next(140_000),
        6 => number + 0x7FF0_0000,
        _ => (uint)random.NextInt64(1L << 32),
    };

    private ushort Window() => random.Next(12) switch
    {
        0 => 0,
        1 => 1,
        < 4 => (ushort)random.Next(2000),
        _ => (ushort)(20_000 + random.Next(45_536)),
    };

    private byte[] SynOptions()
    {
        List<byte> options = [2, 4, 5, 0xB4];
        if (_isScaled && random.Next(12) != 0)
        {
            options.AddRange([1, 3, 3, (byte)random.Next(17)]);
        }

        if (_isSelective)
        {
            options.AddRange([4, 2]);
        }

        if (random.Next(3) == 0)
        {
            options.AddRange([8, 10, 0, 0, 0, 1, 0, 0, 0, 0]);
        }

        return random.Next(40) == 0 ? [.. options, 3, (byte)random.Next(6)] : [.. options];
    }

    private byte[] Options(End peer)
    {
        if (random.Next(8) != 0)
        {
            return [];
        }

        int blocks = 1 + random.Next(3);
        byte[] options = new byte[4 + (blocks * 8)];
        (options[0], options[1], options[2], options[3]) = (1, 1, 5, (byte)(2 + (blocks * 8)));
        for (int at = 4; at < options.Length; at += 8)
        {
            uint left = peer.Next - (uint)random.Next(4000) + (random.Next(20) == 0 ? 3000u : 0);
            BinaryPrimitives.WriteUInt32BigEndian(options.AsSpan(at), left);
            BinaryPrimitives.WriteUInt32BigEndian(options.AsSpan(at + 4), random.Next(4) == 0 ? peer.Next : left + (uint)random.Next(1000));
        }

        return options;
    }
}
