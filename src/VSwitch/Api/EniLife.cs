using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Api;

/// <summary>What may become of an ENI while the switch runs (semantics.md section 9), each as one configuration made of another: attached,
/// detached, given addresses and rid of them. A single edit keeps to the life of an ENI; a whole configuration declares anew what is
/// there.</summary>
internal static class EniLife
{
    /// <summary>A detached ENI, or one of no instance, becomes a secondary one of an instance.</summary>
    /// <exception cref="ProblemException">404, 409 or 422: the rule that is against it.</exception>
    public static SwitchConfig Attach(SwitchConfig config, string name, string instance)
    {
        EniConfig eni = ConfigEdit.Enis.Find(config, name);
        ConfigEdit.Instances.Find(config, instance);
        if (eni.Instance == instance)
        {
            return config;
        }

        if (eni.Instance != null)
        {
            throw Conflict($"ENI '{name}' is attached to instance '{eni.Instance}', and an ENI has one instance at a time; detach it first");
        }

        EniConfig? primary = config.Enis.FirstOrDefault(e => e.Instance == instance && e.Primary);
        if (primary != null && VpcOf(config, primary) != VpcOf(config, eni))
        {
            throw Conflict($"ENI '{name}' is in VPC '{VpcOf(config, eni)}' and instance '{instance}' in '{VpcOf(config, primary)}'; an ENI is attached only inside its VPC");
        }

        return ConfigEdit.Enis.Replace(config, eni with { Instance = instance, Detached = false });
    }

    /// <summary>A secondary ENI is pulled out of its instance; its addresses, groups and EIPs stay with it.</summary>
    /// <exception cref="ProblemException">404: there is none. 409: a primary one.</exception>
    public static SwitchConfig Detach(SwitchConfig config, string name)
    {
        EniConfig eni = ConfigEdit.Enis.Find(config, name);
        RequireSecondary(eni, "detached");
        return ConfigEdit.Enis.Replace(config, eni with { Instance = null, Detached = true });
    }

    /// <summary>An ENI goes; a primary one only with its instance.</summary>
    /// <exception cref="ProblemException">404: there is none. 409: a primary one, or something else needs it.</exception>
    public static SwitchConfig Delete(SwitchConfig config, string name)
    {
        RequireSecondary(ConfigEdit.Enis.Find(config, name), "deleted");
        return ConfigEdit.Enis.Remove(config, name);
    }

    /// <summary>A new ENI: of its own, or a secondary one of an instance.</summary>
    /// <exception cref="ProblemException">409: a primary one. 422: the configuration would be wrong.</exception>
    public static SwitchConfig Add(SwitchConfig config, EniConfig eni) => !eni.Primary || ConfigEdit.Enis.Has(config, eni.Name)
        ? ConfigEdit.Enis.Add(config, eni)
        : throw Conflict($"ENI '{eni.Name}' would be a primary one, and a primary ENI is made with its instance; POST /v1/instances with it");

    /// <summary>An ENI with other settings; attaching has routes of its own, and some things never change.</summary>
    /// <exception cref="ProblemException">409: the rule that is against it. 422: the configuration would be wrong.</exception>
    public static SwitchConfig Change(SwitchConfig config, EniConfig eni)
    {
        EniConfig was = ConfigEdit.Enis.Find(config, eni.Name);
        if (was.Primary != eni.Primary)
        {
            throw Conflict($"ENI '{eni.Name}' {(was.Primary ? "is and stays the" : "does not become a")} primary ENI: that is made with its instance and lives as long");
        }

        if (was.Instance != eni.Instance || was.Detached != eni.Detached)
        {
            RequireSecondary(was, "detached");
            throw Conflict($"'instance' and 'detached' of ENI '{eni.Name}' are changed by POST /v1/enis/{eni.Name}/attach and /detach");
        }

        if (was.PrivateIps.Count > 0 && eni.PrivateIps.Count > 0 && was.PrivateIps[0] != eni.PrivateIps[0])
        {
            throw Released(was, was.PrivateIps[0]);
        }

        return ConfigEdit.Enis.Replace(config, eni);
    }

    /// <summary>More private addresses: those named, or so many of the lowest free ones of the subnet.</summary>
    /// <exception cref="ProblemException">404: there is no such ENI. 409: no address is free. 422: the configuration would be wrong.</exception>
    public static SwitchConfig Assign(SwitchConfig config, string name, AddressRequest asked)
    {
        EniConfig eni = ConfigEdit.Enis.Find(config, name);
        IEnumerable<IpAddress> more = asked.Count > 0 ? Choose(config, eni, asked.Count) : asked.Addresses.Where(a => !eni.PrivateIps.Contains(a));
        return ConfigEdit.Enis.Replace(config, eni with { PrivateIps = [.. eni.PrivateIps, .. more], ChosenIps = null });
    }

    /// <summary>Fewer private addresses.</summary>
    /// <exception cref="ProblemException">404: the ENI has no such address. 409: the primary one, or one that an EIP is bound to.</exception>
    public static SwitchConfig Release(SwitchConfig config, string name, IReadOnlyList<IpAddress> addresses)
    {
        EniConfig eni = ConfigEdit.Enis.Find(config, name);
        foreach (IpAddress address in addresses)
        {
            if (!eni.PrivateIps.Contains(address))
            {
                throw new ProblemException(Problems.NotFound($"private address of ENI '{name}'", address.ToString()));
            }

            if (address == eni.PrivateIps[0])
            {
                throw Released(eni, address);
            }

            if (config.ElasticIps.FirstOrDefault(e => e.Eni == name && EniEndpoints.PrivateIpOf(e, eni) == address) is ElasticIpConfig eip)
            {
                throw Conflict($"address {address} of ENI '{name}' has elastic IP '{eip.Name}'; disassociate it first");
            }
        }

        return ConfigEdit.Enis.Replace(config, eni with { PrivateIps = [.. eni.PrivateIps.Except(addresses)], ChosenIps = null });
    }

    /// <summary>The VPC of an ENI's subnet.</summary>
    public static string VpcOf(SwitchConfig config, EniConfig eni) => config.Vpcs.First(v => v.Subnets.Any(s => s.Name == eni.Subnet)).Name;

    private static IReadOnlyList<IpAddress> Choose(SwitchConfig config, EniConfig eni, int count)
    {
        try
        {
            return SystemChoices.FreeAddresses(config, eni, count);
        }
        catch (InvalidOperationException e)
        {
            throw Conflict(e.Message);
        }
    }

    private static void RequireSecondary(EniConfig eni, string done)
    {
        if (eni is { Primary: true, Instance: string instance })
        {
            throw Conflict($"ENI '{eni.Name}' is the primary ENI of instance '{instance}', which is never {done} by itself: it is made and deleted with its instance");
        }
    }

    private static ProblemException Released(EniConfig eni, IpAddress address) =>
        Conflict($"{address} is the primary address of ENI '{eni.Name}', which is never released; release secondary addresses");

    private static ProblemException Conflict(string detail) => new(Problems.Conflict(detail));
}
