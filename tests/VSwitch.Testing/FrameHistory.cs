using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using VSwitch.Testing.Reference;

namespace VSwitch.Testing;

/// <summary>The last frames of a run and what became of them, so that a failing property can tell how it came to that.</summary>
public sealed class FrameHistory
{
    private const int KeptFrames = 20_000;
    private const int ShownFrames = 24;

    private readonly Queue<(long NowNs, string Port, byte[] Frame, string Outcome)> _frames = [];

    /// <summary>Takes a frame in.</summary>
    public void Add(long nowNs, string port, byte[] frame, ReferenceOutcome outcome)
    {
        if (_frames.Count == KeptFrames)
        {
            _frames.Dequeue();
        }

        _frames.Enqueue((nowNs, port, frame, outcome.ToString()));
    }

    /// <summary>The last frames between the same two ends as a frame, as far as ports or, without ports, addresses tell.</summary>
    public string Of(byte[] frame)
    {
        var text = new StringBuilder();
        (string Protocol, string From, string To) ends = EndsOf(frame);
        foreach ((long nowNs, string port, byte[] earlier, string outcome) in _frames
            .Where(f => EndsOf(f.Frame) == ends || EndsOf(f.Frame) == (ends.Protocol, ends.To, ends.From)).TakeLast(ShownFrames))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {nowNs / 1_000_000 % 10_000_000} ms {port}: {Describe(earlier)} => {outcome}");
        }

        return text.ToString();
    }

    /// <summary>A frame in one line.</summary>
    public static string Describe(byte[] frame)
    {
        PacketFields fields = PacketFields.Of(frame);
        string ip = $"{fields["ip.src"] ?? fields["ip6.src"]} > {fields["ip.dst"] ?? fields["ip6.dst"]} {ProtocolOf(frame)}";
        int at = TransportOf(frame);
        if (ProtocolOf(frame) != "6" || at + 20 > frame.Length)
        {
            return $"{ip} {Convert.ToHexString(frame.AsSpan(0, Math.Min(frame.Length, 70)))}";
        }

        uint Word(int offset) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(at + offset));
        int header = (frame[at + 12] >> 4) * 4;
        string options = Convert.ToHexString(frame.AsSpan(at + 20, Math.Max(0, Math.Min(header - 20, frame.Length - at - 20))));
        return $"{ip} {Word(0) >> 16}>{Word(0) & 0xFFFF} [{(TcpBits)(frame[at + 13])}] seq {Word(4)} ack {Word(8)} win {Word(12) & 0xFFFF} " +
            $"data {frame.Length - at - header} {options}";
    }

    private static (string Protocol, string From, string To) EndsOf(byte[] frame)
    {
        int at = TransportOf(frame);
        string protocol = ProtocolOf(frame);
        if (protocol is "6" or "17" && at + 4 <= frame.Length)
        {
            return (protocol, $"{(frame[at] << 8) | frame[at + 1]}", $"{(frame[at + 2] << 8) | frame[at + 3]}");
        }

        PacketFields fields = PacketFields.Of(frame);
        return (protocol, fields["ip.src"] ?? fields["ip6.src"] ?? "", fields["ip.dst"] ?? fields["ip6.dst"] ?? "");
    }

    private static bool IsV6(byte[] frame) => frame.Length > 13 && frame[12] == 0x86 && frame[13] == 0xDD;

    private static int TransportOf(byte[] frame) => IsV6(frame) ? 54 : frame.Length > 14 ? 14 + ((frame[14] & 15) * 4) : frame.Length;

    private static string ProtocolOf(byte[] frame) => frame.Length < 34 || frame[12] is not (0x08 or 0x86)
        ? "-"
        : $"{(IsV6(frame) ? frame[20] : frame[23])}";
}
