using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Lab;

/// <summary>One interface of a lab: where its TAP goes and how it is set up there, as a DHCP client would.</summary>
/// <param name="Port">Port's name.</param>
/// <param name="Tap">Interface name.</param>
/// <param name="Namespace">Network namespace that it is moved into.</param>
/// <param name="Commands">ip commands, run in this order, inside the namespace.</param>
internal sealed record LabInterface(string Port, string Tap, string Namespace, IReadOnlyList<string[]> Commands);

/// <summary>The namespaces of a configuration: one an instance (or ENI without instance), and one that plays the outside.</summary>
internal sealed class LabPlan
{
    /// <summary>Namespace of the outside.</summary>
    public const string Outside = "internet";

    private static readonly string[] LoopbackUp = ["link", "set", "dev", "lo", "up"];
    private readonly string _prefix;
    private readonly SwitchConfig _config;

    public LabPlan(SwitchConfig config, string prefix)
    {
        _config = config;
        _prefix = prefix;
        Interfaces = [.. config.Enis.Where(e => e.Device?.Tap != null).Select(PlanEni)];
        if (config.Internet?.Device?.Tap != null)
        {
            Interfaces = [.. Interfaces, PlanInternet(config.Internet)];
        }
    }

    /// <summary>All interfaces, the outside last.</summary>
    public IReadOnlyList<LabInterface> Interfaces { get; }

    /// <summary>All namespaces.</summary>
    public IEnumerable<string> Namespaces => Interfaces.Select(i => i.Namespace).Distinct(StringComparer.Ordinal);

    /// <summary>The namespace of an instance, an ENI, or the outside.</summary>
    public string NamespaceOf(string name) => _prefix + name;

    private LabInterface PlanEni(EniConfig eni)
    {
        string tap = eni.Device!.Tap!;
        (VpcConfig vpc, SubnetConfig subnet) = SubnetOf(eni);
        var commands = new List<string[]>
        {
            LoopbackUp,
            new[] { "link", "set", "dev", tap, "address", eni.Mac.ToString() },
            new[] { "link", "set", "dev", tap, "mtu", (eni.Mtu ?? 1500).ToString(System.Globalization.CultureInfo.InvariantCulture) },
        };
        foreach (IpAddress address in eni.PrivateIps)
        {
            IpPrefix range = subnet.Cidrs.First(c => c.Contains(address));
            commands.Add(["addr", "add", $"{address}/{range.Length}", "dev", tap, .. (string[])(address.IsV6 ? ["nodad"] : [])]);
        }

        commands.Add(["link", "set", "dev", tap, "up"]);
        bool isDefault = eni.Instance == null || eni.Primary;
        foreach (IpPrefix range in subnet.Cidrs.Where(c => eni.PrivateIps.Any(c.Contains)))
        {
            IpAddress router = range.Network with { Bits = range.Network.Bits + 1 };
            string family = range.IsV6 ? "-6" : "-4";
            IEnumerable<string> targets = isDefault ? ["default"] : vpc.Cidrs.Where(c => c.IsV6 == range.IsV6).Select(c => c.ToString());
            commands.AddRange(targets.Select(t => new[] { family, "route", "replace", t, "via", router.ToString(), "dev", tap }));
        }

        return new LabInterface(eni.Name, tap, NamespaceOf(eni.Instance ?? eni.Name), commands);
    }

    /// <summary>The outside has the next hops' addresses (or the prefix's last host), and routes for what the switch announces.</summary>
    private LabInterface PlanInternet(InternetConfig internet)
    {
        string tap = internet.Device!.Tap!;
        var commands = new List<string[]> { LoopbackUp };
        var hosts = internet.Routes.Select(r => r.NextHop).Concat(internet.Neighbors.Keys).Distinct().ToList();
        foreach (IpPrefix own in internet.Addresses.Where(a => !hosts.Any(a.Contains)))
        {
            hosts.Add(own.IsV6 ? own.Network with { Bits = own.Network.Bits + 254 } : own.Last with { Bits = own.Last.Bits - 1 });
        }

        if (hosts.Select(h => internet.Neighbors.GetValueOrDefault(h)).FirstOrDefault(m => m.Value != 0) is { Value: not 0 } mac)
        {
            commands.Add(["link", "set", "dev", tap, "address", mac.ToString()]);
        }

        foreach (IpAddress host in hosts)
        {
            IpPrefix own = internet.Addresses.First(a => a.Contains(host));
            commands.Add(["addr", "add", $"{host}/{own.Length}", "dev", tap, .. (string[])(host.IsV6 ? ["nodad"] : [])]);
        }

        commands.Add(["link", "set", "dev", tap, "up"]);
        string? via4 = internet.Addresses.Where(a => !a.IsV6).Select(a => a.Address.ToString()).FirstOrDefault();
        string? via6 = internet.Addresses.Where(a => a.IsV6).Select(a => a.Address.ToString()).FirstOrDefault();
        if (via4 != null)
        {
            commands.AddRange(_config.ElasticIps.Where(e => !internet.Addresses.Any(a => a.Contains(e.Address)))
                .Select(e => new[] { "-4", "route", "replace", $"{e.Address}/32", "via", via4, "dev", tap }));
        }

        if (via6 != null)
        {
            commands.AddRange(_config.Vpcs.SelectMany(v => v.Cidrs).Where(c => c.IsV6).Distinct()
                .Select(c => new[] { "-6", "route", "replace", c.ToString(), "via", via6, "dev", tap }));
        }

        return new LabInterface("internet", tap, NamespaceOf(Outside), commands);
    }

    private (VpcConfig Vpc, SubnetConfig Subnet) SubnetOf(EniConfig eni) =>
        _config.Vpcs.SelectMany(v => v.Subnets.Select(s => (v, s))).First(p => p.s.Name == eni.Subnet);
}

/// <summary>Makes a lab's namespaces around TAPs that a switch has open, and takes them down.</summary>
internal static class LabRunner
{
    /// <summary>Makes the namespaces and moves the TAPs into them; undoes all of it when a step fails.</summary>
    /// <exception cref="IOException">A step failed; nothing stays.</exception>
    public static void Attach(LabPlan plan)
    {
        var made = new List<string>();
        try
        {
            foreach (string ns in plan.Namespaces)
            {
                LabProcess.Ip("netns", "add", ns);
                made.Add(ns);
            }

            foreach (LabInterface i in plan.Interfaces)
            {
                LabProcess.Ip("link", "set", "dev", i.Tap, "netns", i.Namespace);
                foreach (string[] command in i.Commands)
                {
                    LabProcess.Ip(["-n", i.Namespace, .. command]);
                }
            }
        }
        catch
        {
            made.ForEach(ns => LabProcess.TryIp("netns", "delete", ns));
            throw;
        }
    }

    /// <summary>Removes the namespaces; the TAPs go with their switch.</summary>
    public static void Detach(LabPlan plan)
    {
        foreach (string ns in plan.Namespaces)
        {
            LabProcess.TryIp("netns", "delete", ns);
        }
    }
}
