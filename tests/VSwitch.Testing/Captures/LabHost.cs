using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>Whose eyes an address is for.</summary>
public enum LabView
{
    /// <summary>Inside the VPC: an ENI has its private address.</summary>
    Private,

    /// <summary>On the public side: an ENI has its EIP.</summary>
    Public,
}

/// <summary>A host of a capture and its place in the lab: an ENI, or one beyond the internet port.</summary>
/// <param name="Number">Counts from 0 in the order of appearance.</param>
/// <param name="IsInside">True for an ENI.</param>
public sealed record LabHost(int Number, bool IsInside)
{
    /// <summary>The port of everything that is not inside.</summary>
    public const string Internet = "internet";

    private const uint FirstPrivate = 0x0A01_0010;
    private const uint FirstPublic = 0xCB00_7102;
    private const uint FirstRemote = 0xC612_0010;

    /// <summary>ENI's name, or "internet".</summary>
    public string Port => IsInside ? $"h{Number}" : Internet;

    /// <summary>ENI's MAC.</summary>
    public MacAddress Mac => new(0x0200_0001_0000UL + (ulong)Number);

    /// <summary>10.1.0.16 and on.</summary>
    public IpAddress Private4 => IpAddress.V4(FirstPrivate + (uint)Number);

    /// <summary>fd00:1:0:1::100 and on.</summary>
    public IpAddress Private6 => IpAddress.V6(IpAddress.Parse("fd00:1:0:1::100").Bits + (UInt128)(uint)Number);

    /// <summary>Its EIP, 203.0.113.2 and on.</summary>
    public IpAddress Eip => IpAddress.V4(FirstPublic + (uint)Number);

    /// <summary>The address of this host that stands for an address of the capture.</summary>
    public IpAddress Address(IpAddress original, LabView view)
    {
        if (IsLinkLocal(original))
        {
            return Frames.LinkLocal(Mac);
        }

        return (IsInside, original.IsV6, view) switch
        {
            (true, true, _) => Private6,
            (true, false, LabView.Private) => Private4,
            (true, false, _) => Eip,
            (false, true, _) => IpAddress.V6(IpAddress.Parse("2001:db8:1::100").Bits + (UInt128)(uint)Number),
            (false, false, _) => IpAddress.V4(FirstRemote + (uint)Number),
        };
    }

    /// <summary>fe80::/10.</summary>
    public static bool IsLinkLocal(IpAddress address) => address.IsV6 && (ulong)(address.Bits >> 118) == 0x3FA;
}
