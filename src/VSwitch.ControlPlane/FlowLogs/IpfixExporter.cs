using System.Buffers.Binary;
using System.Text;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>Turns records into IPFIX messages (RFC 7011) for UDP: none longer than <see cref="MostBytes"/>, templates in the first
/// message of each interval, so that a collector that begins late understands from the next interval on. One instance is one
/// transport session.</summary>
/// <param name="domain">Observation domain.</param>
public sealed class IpfixExporter(uint domain)
{
    /// <summary>Longest message, bytes: with IP and UDP headers it fits the MTU of any Ethernet.</summary>
    public const int MostBytes = 1400;

    private const ushort IpfixVersion = 10;
    private const int HeaderBytes = 16;
    private const int SetHeaderBytes = 4;
    private const ushort TemplateSet = 2;
    private const ushort OptionsTemplateSet = 3;
    private const ushort EnterpriseBit = 0x8000;
    private const int LongestText = 255 - 1;
    private readonly byte[] _message = new byte[MostBytes];
    private readonly byte[] _record = new byte[MostBytes];
    private int _used;
    private int _setStart;
    private ushort _set;
    private uint _records;
    private uint _sequence;

    /// <summary>Data records made so far, modulo 2^32.</summary>
    public uint Sequence => _sequence;

    /// <summary>Makes the messages of an interval.</summary>
    /// <param name="records">The records.</param>
    /// <param name="exportSeconds">Now, Unix seconds.</param>
    /// <param name="lost">What could not be reported since the start.</param>
    /// <param name="send">Gets each message, with the number of its data records; must not keep the span.</param>
    public void Export(
        IEnumerable<FlowRecord> records, uint exportSeconds, FlowReportLoss lost, Action<ReadOnlyMemory<byte>, int> send)
    {
        Begin();
        WriteTemplates();
        int length = WriteReliability(lost);
        Append(IpfixTemplates.Reliability, length, exportSeconds, send);
        foreach (FlowRecord record in records)
        {
            ushort template = !record.Key.HasTuple ? IpfixTemplates.WithoutTuple
                : record.Key.Source.IsV6 ? IpfixTemplates.V6 : IpfixTemplates.V4;
            Append(template, WriteRecord(template, record), exportSeconds, send);
        }

        Finish(exportSeconds, send);
    }

    private void Begin()
    {
        _used = HeaderBytes;
        _set = 0;
        _records = 0;
    }

    /// <summary>Puts the record at hand into the message; when it does not fit, into the next one.</summary>
    private void Append(ushort set, int length, uint exportSeconds, Action<ReadOnlyMemory<byte>, int> send)
    {
        if (_used + length + (set == _set ? 0 : SetHeaderBytes) > MostBytes)
        {
            Finish(exportSeconds, send);
            Begin();
        }

        if (set != _set)
        {
            EndSet();
            BeginSet(set);
        }

        _record.AsSpan(0, length).CopyTo(_message.AsSpan(_used));
        _used += length;
        _records++;
    }

    private void Finish(uint exportSeconds, Action<ReadOnlyMemory<byte>, int> send)
    {
        EndSet();
        BinaryPrimitives.WriteUInt16BigEndian(_message, IpfixVersion);
        BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(2), (ushort)_used);
        BinaryPrimitives.WriteUInt32BigEndian(_message.AsSpan(4), exportSeconds);
        BinaryPrimitives.WriteUInt32BigEndian(_message.AsSpan(8), _sequence);
        BinaryPrimitives.WriteUInt32BigEndian(_message.AsSpan(12), domain);
        send(_message.AsMemory(0, _used), (int)_records);
        _sequence += _records;
    }

    private void BeginSet(ushort set)
    {
        _set = set;
        _setStart = _used;
        BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(_used), set);
        _used += SetHeaderBytes;
    }

    private void EndSet()
    {
        if (_set != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(_setStart + 2), (ushort)(_used - _setStart));
            _set = 0;
        }
    }

    private void WriteTemplates()
    {
        BeginSet(TemplateSet);
        WriteTemplate(IpfixTemplates.V4, IpfixTemplates.FieldsOfV4);
        WriteTemplate(IpfixTemplates.V6, IpfixTemplates.FieldsOfV6);
        WriteTemplate(IpfixTemplates.WithoutTuple, IpfixTemplates.FieldsWithoutTuple);
        EndSet();
        BeginSet(OptionsTemplateSet);
        Write16(IpfixTemplates.Reliability);
        Write16((ushort)IpfixTemplates.FieldsOfReliability.Count);
        Write16(1);
        WriteFields(IpfixTemplates.FieldsOfReliability);
        EndSet();
    }

    private void WriteTemplate(ushort id, IReadOnlyList<IpfixField> fields)
    {
        Write16(id);
        Write16((ushort)fields.Count);
        WriteFields(fields);
    }

    private void WriteFields(IReadOnlyList<IpfixField> fields)
    {
        foreach (IpfixField field in fields)
        {
            Write16((ushort)(field.Element | (field.IsOwn ? EnterpriseBit : 0)));
            Write16(field.Bytes);
            if (field.IsOwn)
            {
                BinaryPrimitives.WriteUInt32BigEndian(_message.AsSpan(_used), IpfixTemplates.Enterprise);
                _used += sizeof(uint);
            }
        }
    }

    private void Write16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_message.AsSpan(_used), value);
        _used += sizeof(ushort);
    }

    private int WriteReliability(FlowReportLoss lost)
    {
        var writer = new RecordWriter(_record);
        writer.Write32((uint)Environment.ProcessId);
        writer.Write64((ulong)lost.Reports);
        writer.Write64((ulong)lost.Packets);
        writer.Write64((ulong)lost.Bytes);
        return writer.Length;
    }

    private int WriteRecord(ushort template, in FlowRecord record)
    {
        FlowTotals totals = record.Totals;
        FlowRecordKey key = record.Key;
        var writer = new RecordWriter(_record);
        writer.Write64((ulong)totals.StartMs);
        writer.Write64((ulong)totals.EndMs);
        writer.Write64((ulong)totals.Packets);
        writer.Write64((ulong)totals.Bytes);
        writer.Write32((uint)totals.InPort);
        writer.Write32((uint)totals.OutPort);
        writer.Write8(key.IsIngress ? (byte)0 : (byte)1);
        writer.Write8(ForwardingStatusOf(key.Reason));
        writer.Write8((byte)totals.EndReason);
        if (template != IpfixTemplates.WithoutTuple)
        {
            writer.Write(key.Source);
            writer.Write(key.Destination);
            if (template == IpfixTemplates.V4)
            {
                writer.Write(totals.TranslatedSource);
                writer.Write(totals.TranslatedDestination);
            }

            writer.Write16(key.SourcePort);
            writer.Write16(key.DestinationPort);
            writer.Write16(totals.TcpFlags);
            writer.Write8(key.Protocol);
        }

        writer.Write(key.Eni.Name, LongestText);
        writer.Write(key.IsAccepted ? "" : key.Reason.Name(), LongestText);
        writer.Write(key.Rule == FlowLogText.Nothing ? "" : key.Rule, LongestText);
        return writer.Length;
    }

    /// <summary>IANA's forwarding status codes: 64 forwarded, 128 dropped for a reason without a number, 129 denied by a list, 131 no
    /// route, 132 adjacency, 133 fragmentation needed, 134 header checksum, 137 TTL, 138 policer.</summary>
    private static byte ForwardingStatusOf(DropReason reason) => reason switch
    {
        DropReason.None => 64,
        DropReason.SecurityGroupEgress or DropReason.SecurityGroupIngress or DropReason.NetworkAcl => 129,
        DropReason.NoRoute => 131,
        DropReason.NeighborUnresolved => 132,
        DropReason.MtuExceeded => 133,
        DropReason.BadIpv4Checksum => 134,
        DropReason.TtlExpired => 137,
        DropReason.EipBandwidth or DropReason.EniBandwidth or DropReason.EniPacketRate or DropReason.ScrubbingRate => 138,
        _ => 128,
    };

    private ref struct RecordWriter(Span<byte> into)
    {
        private readonly Span<byte> _into = into;

        public int Length { get; private set; }

        public void Write8(byte value) => _into[Length++] = value;

        public void Write16(ushort value)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_into[Length..], value);
            Length += sizeof(ushort);
        }

        public void Write32(uint value)
        {
            BinaryPrimitives.WriteUInt32BigEndian(_into[Length..], value);
            Length += sizeof(uint);
        }

        public void Write64(ulong value)
        {
            BinaryPrimitives.WriteUInt64BigEndian(_into[Length..], value);
            Length += sizeof(ulong);
        }

        public void Write(IpAddress address)
        {
            address.Write(_into[Length..]);
            Length += address.ByteCount;
        }

        /// <summary>Text with its length before it (RFC 7011 section 7), cut to whole characters.</summary>
        public void Write(string text, int mostBytes)
        {
            int length = 0;
            foreach (Rune rune in text.EnumerateRunes())
            {
                if (length + rune.Utf8SequenceLength > mostBytes)
                {
                    break;
                }

                length += rune.EncodeToUtf8(_into[(Length + 1 + length)..]);
            }

            _into[Length] = (byte)length;
            Length += 1 + length;
        }
    }
}
