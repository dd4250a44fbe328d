using System.Buffers.Binary;
using VSwitch.DataPlane.Flows;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>A TCP connection as the tracker keeps it, and the segments of its two ends, c (the opener) and s, in short hand:
/// "S", "SA", "A", "PA", "F" (FIN+ACK), "R", "RA".</summary>
internal sealed unsafe class TcpConversation
{
    private FlowEntry _entry;
    private TcpMemory _memory;
    private readonly int _opener;

    /// <param name="opener">0 or 1: which of the key's endpoints opens.</param>
    public TcpConversation(int opener = 0) => _opener = opener;

    public FlowState State => _entry.State;

    public static byte[] Mss => [2, 4, 5, 0xB4];

    public static byte[] Scale(byte shift) => [1, 3, 3, shift];

    public static byte[] SackPermitted => [1, 1, 4, 2];

    public static byte[] Sack(uint left, uint right)
    {
        byte[] option = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(4), left);
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(8), right);
        return option;
    }

    /// <summary>The opener's first segment.</summary>
    public void Open(string flags, uint sequence, uint ack = 0, ushort window = 65535, int data = 0, params byte[] options)
    {
        byte[] bytes = Bytes(flags, sequence, ack, window, data, options);
        fixed (byte* header = bytes)
        fixed (FlowEntry* e = &_entry)
        {
            TcpTracker.Begin(e, TcpSegment.Read(header, bytes.Length, isCut: false), _opener);
        }
    }

    /// <summary>A segment of the opener.</summary>
    public TcpVerdict C(string flags, uint sequence, uint ack = 0, int data = 0, ushort window = 65535, params byte[] options) =>
        Judge(false, flags, sequence, ack, window, data, options);

    /// <summary>A segment of the responder.</summary>
    public TcpVerdict S(string flags, uint sequence, uint ack = 0, int data = 0, ushort window = 65535, params byte[] options) =>
        Judge(true, flags, sequence, ack, window, data, options);

    /// <summary>The three steps of a handshake: the opener's SYN has 0, the responder's 0.</summary>
    public static TcpConversation Established(uint client = 0, uint server = 0, ushort window = 65535, byte[]? options = null, int opener = 0)
    {
        var talk = new TcpConversation(opener);
        talk.Open("S", client, 0, window, 0, options ?? []);
        Assert.Equal(TcpVerdict.Accept, talk.S("SA", server, client + 1, 0, window, options ?? []));
        Assert.Equal(TcpVerdict.Accept, talk.C("A", client + 1, server + 1, 0, window));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        return talk;
    }

    private TcpVerdict Judge(bool isReply, string flags, uint sequence, uint ack, ushort window, int data, byte[] options)
    {
        byte[] bytes = Bytes(flags, sequence, ack, window, data, options);
        fixed (byte* header = bytes)
        fixed (FlowEntry* e = &_entry)
        fixed (TcpMemory* memory = &_memory)
        {
            TcpSegment segment = TcpSegment.Read(header, bytes.Length, isCut: false);
            return TcpTracker.Judge(e, memory, segment, isReply ? _opener ^ 1 : _opener, isReply);
        }
    }

    private static byte[] Bytes(string flags, uint sequence, uint ack, ushort window, int data, byte[] options)
    {
        byte[] bytes = new byte[20 + options.Length + data];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), ack);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(14), window);
        bytes[12] = (byte)((20 + options.Length) / 4 << 4);
        bytes[13] = (byte)flags.Sum(f => f switch { 'F' => 17, 'S' => 2, 'R' => 4, 'P' => 8, _ => 16 });
        bytes[13] = flags == "FA" ? (byte)17 : bytes[13];
        options.CopyTo(bytes, 20);
        return bytes;
    }
}
