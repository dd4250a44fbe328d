using System.Globalization;
using System.Text;
using VSwitch.Testing.Reference;

namespace VSwitch.Testing;

/// <summary>The last frames of a run and what became of them, so that a failing property can tell how it came to that.</summary>
public sealed class FrameHistory
{
    private const int KeptFrames = 20_000;
    private const int ShownFrames = 16;

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
        if (fields["tcp.src"] is null)
        {
            return $"{ip} {Convert.ToHexString(frame.AsSpan(0, Math.Min(frame.Length, 70)))}";
        }

        string[] names = ["tcp.src", "tcp.dst", "tcp.flags", "tcp.seq", "tcp.ack", "tcp.window", "tcp.options"];
        return ip + string.Concat(names.Where(name => fields[name] is not null).Select(name => $" {name[4..]} {fields[name]}")) +
            $" of {frame.Length} bytes, ends {Convert.ToHexString(frame.AsSpan(Math.Max(0, Math.Min(frame.Length, 54) - 8), Math.Min(54, 8)))}" +
            Convert.ToHexString(frame.AsSpan(Math.Min(frame.Length, 54), Math.Min(frame.Length, 100) - Math.Min(frame.Length, 54)));
    }

    private static (string Protocol, string From, string To) EndsOf(byte[] frame)
    {
        string protocol = ProtocolOf(frame);
        PacketFields fields = PacketFields.Of(frame);
        string? from = fields["tcp.src"] ?? fields["udp.src"];
        if (from is not null)
        {
            return ("", from, fields["tcp.dst"] ?? fields["udp.dst"] ?? "");
        }

        return (protocol, fields["ip.src"] ?? fields["ip6.src"] ?? "", fields["ip.dst"] ?? fields["ip6.dst"] ?? "");
    }

    private static bool IsV6(byte[] frame) => frame.Length > 13 && frame[12] == 0x86 && frame[13] == 0xDD;

    private static string ProtocolOf(byte[] frame) => frame.Length < 34 || frame[12] is not (0x08 or 0x86)
        ? "-"
        : $"{(IsV6(frame) ? frame[20] : frame[23])}";
}
