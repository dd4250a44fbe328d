using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Lab;

/// <summary>One interface of a lab.</summary>
/// <param name="Port">Port's name: the ENI's, or <c>internet</c>.</param>
/// <param name="Tap">Interface name.</param>
/// <param name="Namespace">Network namespace that it is moved into.</param>
/// <param name="Addresses">Its addresses, with prefix lengths.</param>
/// <param name="Commands">Arguments of ip that set it up there, in this order, the namespace included.</param>
internal sealed record LabInterface(
    string Port, string Tap, string Namespace, IReadOnlyList<string> Addresses, IReadOnlyList<string[]> Commands);

/// <summary>The namespaces of a configuration, and the commands that make them: one an instance (or ENI without instance) with its
/// ENIs inside, set up as a DHCP client would, and one that plays the outside. Pure: nothing is looked at, nothing is done.</summary>
internal sealed class LabPlan
{
    /// <summary>Name of the outside, as instances are named.</summary>
    public const string Outside = "internet";

    private const int DefaultMtuBytes = 1500;
    private const int FirstTable = 1000;
    private readonly SwitchConfig _config;
    private readonly LabNames _names;

    /// <summary>Plans.</summary>
    /// <param name="config">A valid configuration.</param>
    /// <param name="prefix">Begins the name of every namespace, so that labs of several programs do not meet.</param>
    public LabPlan(SwitchConfig config, string prefix)
    {
        _config = config;
        _names = new LabNames(config, prefix);
        Interfaces = [.. config.Enis.Where(e => e.Device?.Tap != null && !e.Detached).Select(PlanEni)];
        if (config.Internet?.Device?.Tap != null)
        {
            Interfaces = [.. Interfaces, LabOutside.Plan(config, config.Internet, NamespaceOf(Outside))];
        }

        Namespaces = [.. Interfaces.Select(i => i.Namespace).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>All interfaces, the outside last.</summary>
    public IReadOnlyList<LabInterface> Interfaces { get; }

    /// <summary>All namespaces.</summary>
    public IReadOnlyList<string> Namespaces { get; }

    /// <summary>The namespace of every instance, every ENI, and the outside.</summary>
    public IReadOnlyDictionary<string, string> Names => _names.All.ToDictionary(n => n, n => _names.Find(n)!, StringComparer.Ordinal);

    /// <summary>Every call of ip that makes the lab, in order, once the switch has its TAPs open.</summary>
    public IEnumerable<string[]> Commands => Namespaces.SelectMany(ns => new string[][]
        {
            ["netns", "add", ns],
            ["-n", ns, "link", "set", "dev", "lo", "up"],
        }).Concat(Interfaces.SelectMany(i => i.Commands.Prepend(["link", "set", "dev", i.Tap, "netns", i.Namespace])));

    /// <summary>The namespace of an instance, an ENI, or the outside.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public string NamespaceOf(string name) => _names.Find(name)
        ?? throw new ArgumentException($"the lab has no '{name}'; it has {string.Join(", ", _names.All)}");

    /// <summary>What any interface needs: MAC, MTU, addresses, up.</summary>
    internal static List<string[]> SetUp(string ns, string tap, MacAddress? mac, int mtuBytes, IEnumerable<IpPrefix> addresses)
    {
        var commands = new List<string[]>();
        if (mac is MacAddress own)
        {
            commands.Add(["-n", ns, "link", "set", "dev", tap, "address", own.ToString()]);
        }

        commands.Add(["-n", ns, "link", "set", "dev", tap, "mtu", mtuBytes.ToString(CultureInfo.InvariantCulture)]);
        foreach (IpPrefix address in addresses)
        {
            // Without nodad an IPv6 address cannot be used for a second or more; nobody else can have it.
            string[] noDetection = address.IsV6 ? ["nodad"] : [];
            commands.Add(["-n", ns, "addr", "add", address.ToString(), "dev", tap, .. noDetection]);
        }

        commands.Add(["-n", ns, "link", "set", "dev", tap, "up"]);
        return commands;
    }

    internal static string[] Route(string ns, IpPrefix to, IpAddress? via, string tap, string? table = null)
    {
        string destination = to.Length == 0 ? "default" : to.ToString();
        string[] next = via is IpAddress router ? ["via", router.ToString()] : [];
        string[] where = table != null ? ["table", table] : [];
        return ["-n", ns, to.IsV6 ? "-6" : "-4", "route", "add", destination, .. next, "dev", tap, .. where];
    }

    /// <summary>The routes are set by hand: one that the kernel learns from the switch's router advertisement on a further ENI
    /// would compete with the primary one's. Where /proc cannot be written it stays as it is.</summary>
    private static string[] NoRouterDiscovery(string ns, string tap) =>
        ["netns", "exec", ns, "sh", "-c", "{ echo 0 > \"/proc/sys/net/ipv6/conf/$0/accept_ra\"; } 2>/dev/null; true", tap];

    private LabInterface PlanEni(EniConfig eni)
    {
        string tap = eni.Device!.Tap!;
        string ns = _names.Of(eni);
        SubnetConfig subnet = _config.Vpcs.SelectMany(v => v.Subnets).First(s => s.Name == eni.Subnet);
        List<IpPrefix> addresses = [.. eni.PrivateIps.Select(a => new IpPrefix(a, subnet.Cidrs.First(c => c.Contains(a)).Length))];
        List<string[]> commands = [NoRouterDiscovery(ns, tap), .. SetUp(ns, tap, eni.Mac, eni.Mtu ?? DefaultMtuBytes, addresses)];
        List<EniConfig> siblings = [.. _config.Enis.Where(e => eni.Instance != null && e.Instance == eni.Instance)];
        bool hasDefault = siblings.Count == 0 || eni == (siblings.FirstOrDefault(e => e.Primary) ?? siblings[0]);
        string? table = hasDefault ? null : (FirstTable + siblings.IndexOf(eni)).ToString(CultureInfo.InvariantCulture);
        foreach (IpPrefix range in subnet.Cidrs.Where(c => eni.PrivateIps.Any(c.Contains)))
        {
            IpAddress router = range.Network with { Bits = range.Network.Bits + 1 };
            IpPrefix anywhere = new(range.Network with { Bits = 0 }, 0);
            if (table != null)
            {
                // What has a further ENI's address leaves by that ENI: by the primary one it would be dropped as spoofed.
                commands.Add(Route(ns, new IpPrefix(range.Network, range.Length), null, tap, table));
                commands.AddRange(addresses.Where(a => a.IsV6 == range.IsV6).Select(a => new[]
                {
                    "-n", ns, a.IsV6 ? "-6" : "-4", "rule", "add", "from", a.Address.ToString(), "lookup", table,
                }));
            }

            commands.Add(Route(ns, anywhere, router, tap, table));
        }

        return new LabInterface(eni.Name, tap, ns, [.. addresses.Select(a => a.ToString())], commands);
    }
}
