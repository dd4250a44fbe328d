using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>A VLAN tag (IEEE 802.1Q, 802.1ad) behind the EtherType that announced it: tag control and the inner type.
/// Stacked tags are views of the payload of the tag before. After <see cref="TryParse"/> said true, no accessor can fail.
/// </summary>
public readonly ref struct VlanView
{
    /// <summary>Bytes of the tag without the EtherType before it.</summary>
    public const int TagBytes = 4;

    private readonly ReadOnlySpan<byte> _tag;

    private VlanView(ReadOnlySpan<byte> tag) => _tag = tag;

    /// <summary>The VLAN, 0 to 4095; 0 is a tag with a priority only.</summary>
    public int VlanId => TagControl & 0x0FFF;

    /// <summary>The priority code point, 0 to 7.</summary>
    public int Priority => TagControl >> 13;

    /// <summary>True when the frame may be dropped first under congestion.</summary>
    public bool IsDropEligible => (TagControl & 0x1000) != 0;

    /// <summary>What follows the tag; may be another tag.</summary>
    public EtherType EtherType => (EtherType)BinaryPrimitives.ReadUInt16BigEndian(_tag[2..]);

    /// <summary>True when another tag follows.</summary>
    public bool IsTagged => IsTag(EtherType);

    /// <summary>Everything behind the tag.</summary>
    public ReadOnlySpan<byte> Payload => _tag[TagBytes..];

    private ushort TagControl => BinaryPrimitives.ReadUInt16BigEndian(_tag);

    /// <summary>True for the types that announce a tag: 0x8100, 0x88a8, 0x9100.</summary>
    public static bool IsTag(EtherType type) =>
        type is EtherType.Vlan or EtherType.ServiceVlan or EtherType.LegacyServiceVlan;

    /// <summary>The gate: false for fewer than 4 bytes. The inner type is not judged.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out VlanView view)
    {
        view = default;
        if (bytes.Length < TagBytes)
        {
            return false;
        }

        view = new VlanView(bytes);
        return true;
    }
}
