using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>An ENI as flow logs name it.</summary>
public sealed record FlowLogEni
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its VPC.</summary>
    public required string Vpc { get; init; }

    /// <summary>Its subnet.</summary>
    public required string Subnet { get; init; }

    /// <summary>Its instance; null = none.</summary>
    public string? Instance { get; init; }

    /// <summary>It sends and takes packets of addresses that are not its own.</summary>
    public bool RoutesForOthers { get; init; }

    /// <summary>Its private addresses, the primary one first.</summary>
    public required IReadOnlyList<IpAddress> Addresses { get; init; }

    /// <summary>What AWS shows for one of the ENI's own packets: its own address, also where it routes for others.</summary>
    public IpAddress OwnAddressFor(IpAddress inPacket)
    {
        if (!RoutesForOthers || Addresses.Contains(inPacket))
        {
            return inPacket;
        }

        foreach (IpAddress address in Addresses)
        {
            if (address.IsV6 == inPacket.IsV6)
            {
                return address;
            }
        }

        return inPacket;
    }

    /// <summary>True when both name the same ENI in the same place.</summary>
    internal bool IsSameAs(FlowLogEni other) => this with { Addresses = other.Addresses } == other && Addresses.SequenceEqual(other.Addresses);
}

/// <summary>Who is behind the numbers of one snapshot.</summary>
public sealed class FlowLogTopology
{
    private readonly FlowLogEni?[] _byPort;
    private readonly ForwardingSnapshot _snapshot;
    private readonly Dictionary<int, string> _rules = [];
    private readonly Dictionary<int, string> _aclRules = [];

    /// <summary>Reads a configuration and its snapshot.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="snapshot">What it compiled to.</param>
    /// <param name="before">The topology before it, whose unchanged ENIs are kept; null = none.</param>
    public FlowLogTopology(SwitchConfig config, ForwardingSnapshot snapshot, FlowLogTopology? before)
    {
        _snapshot = snapshot;
        _byPort = new FlowLogEni?[snapshot.PortCount];
        Dictionary<string, string> vpcs = config.Vpcs.SelectMany(v => v.Subnets.Select(s => (s.Name, Vpc: v.Name)))
            .ToDictionary(s => s.Name, s => s.Vpc, StringComparer.Ordinal);
        Dictionary<string, EniConfig> enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        for (int port = 1; port < _byPort.Length; port++)
        {
            if (enis.TryGetValue(snapshot.PortNames[port], out EniConfig? eni) && snapshot.PortSince(port) != 0)
            {
                var now = new FlowLogEni
                {
                    Name = eni.Name,
                    Vpc = vpcs[eni.Subnet],
                    Subnet = eni.Subnet,
                    Instance = eni.Instance,
                    RoutesForOthers = !eni.SourceDestCheck,
                    Addresses = [.. eni.PrivateIps],
                };
                _byPort[port] = before?.EniOf(port) is FlowLogEni old && old.IsSameAs(now) ? old : now;
            }
        }
    }

    /// <summary>Version of the snapshot.</summary>
    public uint Version => _snapshot.Version;

    /// <summary>Ports, the internet side (0) included.</summary>
    public int PortCount => _byPort.Length;

    /// <summary>All ENIs.</summary>
    public IEnumerable<FlowLogEni> Enis => _byPort.OfType<FlowLogEni>();

    /// <summary>The ENI of a port; null when it has none.</summary>
    public FlowLogEni? EniOf(int port) => (uint)port < (uint)_byPort.Length ? _byPort[port] : null;

    /// <summary>Words of a rule of a security group, without blanks.</summary>
    public string RuleWords(int rule) => Words(_rules, rule, _snapshot.SecurityGroups.Describe);

    /// <summary>Words of a rule of a network ACL, without blanks.</summary>
    public string AclRuleWords(int rule) => Words(_aclRules, rule, _snapshot.NetworkAcls.Describe);

    private static string Words(Dictionary<int, string> known, int rule, Func<int, string> describe)
    {
        if (rule == SecurityGroupTable.NoRule)
        {
            return FlowLogText.Nothing;
        }

        if (!known.TryGetValue(rule, out string? words))
        {
            words = FlowLogText.OneColumn(describe(rule));
            known[rule] = words;
        }

        return words;
    }
}

/// <summary>The topologies that reports may still be of: the newest ones.</summary>
public sealed class FlowLogHistory
{
    private const int Kept = 16;
    private readonly List<FlowLogTopology> _topologies = [];

    /// <summary>The one in force.</summary>
    public FlowLogTopology Newest => _topologies[^1];

    /// <summary>Puts a configuration in force.</summary>
    public void Add(SwitchConfig config, ForwardingSnapshot snapshot)
    {
        _topologies.Add(new FlowLogTopology(config, snapshot, _topologies.LastOrDefault()));
        if (_topologies.Count > Kept)
        {
            _topologies.RemoveAt(0);
        }
    }

    /// <summary>The topology of a snapshot's version; the oldest known one when that is forgotten.</summary>
    public FlowLogTopology Of(uint version)
    {
        for (int i = _topologies.Count - 1; i > 0; i--)
        {
            if (_topologies[i].Version <= version)
            {
                return _topologies[i];
            }
        }

        return _topologies[0];
    }
}
