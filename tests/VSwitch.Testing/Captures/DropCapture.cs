using System.Buffers.Binary;
using System.Text;

namespace VSwitch.Testing.Captures;

/// <summary>One dropped frame of a pcapng file.</summary>
/// <param name="Port">Name of the interface.</param>
/// <param name="Frame">Its bytes.</param>
/// <param name="TimestampNs">When.</param>
/// <param name="Reason">The packet's comment.</param>
public sealed record DroppedFrame(string Port, byte[] Frame, long TimestampNs, string Reason);

/// <summary>Reads back what the switch writes as drops: enhanced packet blocks with a comment. Knows nothing of the
/// writer but the format (draft-ietf-opsawg-pcapng sections 4.2, 4.3 and 3.5).</summary>
public static class DropCapture
{
    private const uint InterfaceBlock = 1;
    private const uint PacketBlock = 6;
    private const ushort Comment = 1;
    private const ushort InterfaceName = 2;

    /// <summary>All frames, in order.</summary>
    public static IReadOnlyList<DroppedFrame> Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        var names = new List<string>();
        var frames = new List<DroppedFrame>();
        for (int at = 0; at < file.Length; at += (int)U32(file, at + 4))
        {
            ReadOnlySpan<byte> block = file.AsSpan(at, (int)U32(file, at + 4));
            switch (U32(block, 0))
            {
                case InterfaceBlock:
                    names.Add(Option(block[16..^4], InterfaceName));
                    break;
                case PacketBlock:
                    int length = (int)U32(block, 20);
                    long time = (long)(((ulong)U32(block, 12) << 32) | U32(block, 16));
                    string reason = Option(block[(28 + ((length + 3) & ~3))..^4], Comment);
                    frames.Add(new DroppedFrame(names[(int)U32(block, 8)], block.Slice(28, length).ToArray(), time,
                        reason));
                    break;
            }
        }

        return frames;
    }

    private static string Option(ReadOnlySpan<byte> options, ushort code)
    {
        while (options.Length >= 4 && BinaryPrimitives.ReadUInt16LittleEndian(options) is not 0 and ushort found)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(options[2..]);
            if (found == code)
            {
                return Encoding.UTF8.GetString(options.Slice(4, length));
            }

            options = options[(4 + ((length + 3) & ~3))..];
        }

        return "";
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
