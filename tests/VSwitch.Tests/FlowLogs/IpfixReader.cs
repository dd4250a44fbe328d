using System.Buffers.Binary;

namespace VSwitch.Tests.FlowLogs;

/// <summary>A collector written from RFC 7011 alone: it knows nothing but what the templates say.</summary>
internal sealed class IpfixReader
{
    private readonly Dictionary<ushort, List<(ushort Element, ushort Length, uint Enterprise)>> _templates = [];

    /// <summary>Data records in order: template, and value by (enterprise, element).</summary>
    public List<(ushort Template, Dictionary<(uint Enterprise, ushort Element), byte[]> Fields)> Records { get; } = [];

    /// <summary>Sequence number of each message, with the data records that came before it.</summary>
    public List<(uint Sequence, int Before)> Sequences { get; } = [];

    public static ulong Number(byte[] value) => value.Aggregate(0UL, (sum, b) => (sum << 8) | b);

    public void Read(ReadOnlySpan<byte> message)
    {
        Require(BinaryPrimitives.ReadUInt16BigEndian(message) == 10, "version 10");
        Require(BinaryPrimitives.ReadUInt16BigEndian(message[2..]) == message.Length, "length of the message");
        Sequences.Add((BinaryPrimitives.ReadUInt32BigEndian(message[8..]), Records.Count));
        int at = 16;
        while (at < message.Length)
        {
            ushort set = BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
            int length = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 2)..]);
            Require(length > 4 && at + length <= message.Length, "length of a set");
            ReadOnlySpan<byte> body = message.Slice(at + 4, length - 4);
            switch (set)
            {
                case 2 or 3:
                    ReadTemplates(body, isOptions: set == 3);
                    break;
                default:
                    ReadRecords(set, body);
                    break;
            }

            at += length;
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidDataException(what);
        }
    }

    private void ReadTemplates(ReadOnlySpan<byte> body, bool isOptions)
    {
        int at = 0;
        while (at < body.Length)
        {
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(body[at..]);
            int count = BinaryPrimitives.ReadUInt16BigEndian(body[(at + 2)..]);
            at += isOptions ? 6 : 4;
            var fields = new List<(ushort, ushort, uint)>();
            for (int i = 0; i < count; i++)
            {
                ushort element = BinaryPrimitives.ReadUInt16BigEndian(body[at..]);
                ushort length = BinaryPrimitives.ReadUInt16BigEndian(body[(at + 2)..]);
                at += 4;
                uint enterprise = 0;
                if ((element & 0x8000) != 0)
                {
                    enterprise = BinaryPrimitives.ReadUInt32BigEndian(body[at..]);
                    at += 4;
                }

                fields.Add(((ushort)(element & 0x7FFF), length, enterprise));
            }

            _templates[id] = fields;
        }
    }

    private void ReadRecords(ushort template, ReadOnlySpan<byte> body)
    {
        int at = 0;
        while (at < body.Length)
        {
            var values = new Dictionary<(uint, ushort), byte[]>();
            foreach ((ushort element, ushort fixedLength, uint enterprise) in _templates[template])
            {
                int length = fixedLength == 65535 ? body[at++] : fixedLength;
                Require(length != 255, "short form of the length");
                values.Add((enterprise, element), body.Slice(at, length).ToArray());
                at += length;
            }

            Records.Add((template, values));
        }
    }
}
