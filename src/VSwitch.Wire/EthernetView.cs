using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>An Ethernet II frame without its frame check sequence. After <see cref="TryParse"/> said true, no accessor can
/// fail.</summary>
public readonly ref struct EthernetView
{
    /// <summary>Bytes of the header: two addresses and a type.</summary>
    public const int HeaderBytes = 14;

    /// <summary>The smallest value that is a type; below it stands an IEEE 802.3 length.</summary>
    public const ushort MinEtherType = 0x0600;

    private readonly ReadOnlySpan<byte> _frame;

    private EthernetView(ReadOnlySpan<byte> frame) => _frame = frame;

    /// <summary>Where the frame goes.</summary>
    public MacAddress Destination => MacAddress.Read(_frame);

    /// <summary>Where the frame comes from.</summary>
    public MacAddress Source => MacAddress.Read(_frame[6..]);

    /// <summary>What follows the header; may be a VLAN tag.</summary>
    public EtherType EtherType => (EtherType)BinaryPrimitives.ReadUInt16BigEndian(_frame[12..]);

    /// <summary>True when a VLAN tag follows: <see cref="Payload"/> is then for <see cref="VlanView"/>.</summary>
    public bool IsTagged => VlanView.IsTag(EtherType);

    /// <summary>Everything behind the header, padding included.</summary>
    public ReadOnlySpan<byte> Payload => _frame[HeaderBytes..];

    /// <summary>The gate: false for fewer than 14 bytes and for an IEEE 802.3 length in place of a type.</summary>
    public static bool TryParse(ReadOnlySpan<byte> frame, out EthernetView view)
    {
        view = default;
        if (frame.Length < HeaderBytes || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) < MinEtherType)
        {
            return false;
        }

        view = new EthernetView(frame);
        return true;
    }
}
