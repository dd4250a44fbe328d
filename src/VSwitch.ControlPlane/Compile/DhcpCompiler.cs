using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Local;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From the DHCP part of a configuration to what the data plane writes into replies.</summary>
internal static class DhcpCompiler
{
    private const int LongestHostName = 63;

    /// <summary>Compiles what the ENIs of a subnet are told.</summary>
    public static DhcpParameters Compile(VpcConfig vpc, SubnetConfig subnet)
    {
        DhcpConfig dhcp = DhcpConfig.Merge(vpc.Dhcp, subnet.Dhcp);
        IReadOnlyList<IpAddress> dns = dhcp.Dns ?? [];
        IReadOnlyList<IpAddress> ntp = dhcp.Ntp ?? [];
        string domain = dhcp.DomainName ?? "";
        IpPrefix? range4 = subnet.Cidrs.Where(c => !c.IsV6).Select(c => (IpPrefix?)c).FirstOrDefault();
        IpPrefix? range6 = subnet.Cidrs.Where(c => c.IsV6).Select(c => (IpPrefix?)c).FirstOrDefault();
        return new DhcpParameters
        {
            IsEnabled = dhcp.Enabled ?? true,
            LeaseSeconds = (uint)(dhcp.LeaseTime ?? DhcpConfig.DefaultLeaseTime).TotalSeconds,
            Mask4 = range4 is IpPrefix p4 ? Raw.Prefix4(p4).Mask : 0,
            Prefix6 = range6 is IpPrefix p6 ? Raw.Prefix6(p6) : default,
            Prefix6Bits = (byte)(range6?.Length ?? 0),
            Dns4 = [.. dns.Where(a => !a.IsV6).Select(Raw.Ip4)],
            Dns6 = [.. dns.Where(a => a.IsV6).Select(Raw.Ip6)],
            Ntp4 = [.. ntp.Where(a => !a.IsV6).Select(Raw.Ip4)],
            Ntp6 = [.. ntp.Where(a => a.IsV6).Select(Raw.Ip6)],
            DomainName = Encoding.ASCII.GetBytes(domain),
            DomainLabels = LabelsOf(domain),
        };
    }

    /// <summary>The host name of an ENI's guest: its instance's name, else its own, as a host name may be written (RFC 1123
    /// section 2.1).</summary>
    public static byte[] HostNameOf(EniConfig eni)
    {
        string name = eni.Instance ?? eni.Name;
        string written = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-');
        return Encoding.ASCII.GetBytes(written[..Math.Min(written.Length, LongestHostName)].TrimEnd('-'));
    }

    private static byte[] LabelsOf(string domain) => domain.Length == 0 ? []
        : [.. domain.Split('.').SelectMany(label => Encoding.ASCII.GetBytes(label).Prepend((byte)label.Length)), 0];
}
