using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Probes;

namespace VSwitch.ControlPlane.Compile;

/// <summary>Numbers for names, stable over reconfigurations: connections, counters and rate limits hold these numbers, so a
/// name keeps its number for the life of the switch, also while it is not configured, until it is released.</summary>
public sealed class NumberDirectory
{
    /// <summary>Ports and VPCs have 16-bit numbers in the data plane.</summary>
    private const int MostNumbers = ushort.MaxValue;

    /// <summary>Each has two meters, and meters have 16-bit numbers.</summary>
    private const int MostEips = (ushort.MaxValue / 2) - 1;

    private const int MostGroups = SecurityGroupTable.MaxGroup;

    private readonly NumberSpace _ports;
    private readonly NumberSpace _vpcs;
    private readonly NumberSpace _eips;
    private readonly NumberSpace _groups;
    private readonly NumberSpace _listeners;
    private readonly NumberSpace _backends;
    private readonly NumberSpace _probes;
    private readonly Dictionary<string, (object Rules, uint ChangedIn)> _rules;
    private readonly Dictionary<string, (string Attachment, uint ChangedIn)> _attachments;
    private readonly Dictionary<string, EipTrail> _trails;

    /// <summary>Makes an empty one.</summary>
    public NumberDirectory()
    {
        _ports = new NumberSpace("ENIs", 1, MostNumbers);
        _vpcs = new NumberSpace("VPCs", 1, MostNumbers);
        _eips = new NumberSpace("EIPs", 1, MostEips);
        _groups = new NumberSpace("security groups", 1, MostGroups);
        _listeners = new NumberSpace("listeners", 1, MostNumbers);
        _backends = new NumberSpace("backends", 1, MostNumbers);
        _probes = new NumberSpace("health checks", 1, ProbeTable.Capacity - 1);
        CompiledRules = new CompiledRulesCache();
        _rules = new Dictionary<string, (object, uint)>(StringComparer.Ordinal);
        _attachments = new Dictionary<string, (string, uint)>(StringComparer.Ordinal);
        _trails = new Dictionary<string, EipTrail>(StringComparer.Ordinal);
    }

    private NumberDirectory(NumberDirectory other)
    {
        _ports = new NumberSpace(other._ports);
        _vpcs = new NumberSpace(other._vpcs);
        _eips = new NumberSpace(other._eips);
        _groups = new NumberSpace(other._groups);
        _listeners = new NumberSpace(other._listeners);
        _backends = new NumberSpace(other._backends);
        _probes = new NumberSpace(other._probes);
        _rules = new Dictionary<string, (object, uint)>(other._rules, StringComparer.Ordinal);
        _attachments = new Dictionary<string, (string, uint)>(other._attachments, StringComparer.Ordinal);
        _trails = new Dictionary<string, EipTrail>(other._trails, StringComparer.Ordinal);
        CompiledRules = other.CompiledRules;
        Version = other.Version;
    }

    /// <summary>Version of the snapshot compiled last; 0 before the first.</summary>
    public uint Version { get; private set; }

    /// <summary>Highest port number given, plus one; the internet side is 0.</summary>
    public int PortCount => _ports.End;

    /// <summary>Highest VPC number given, plus one; the public space is 0.</summary>
    public int VpcCount => _vpcs.End;

    /// <summary>Highest EIP number given, plus one.</summary>
    public int EipCount => _eips.End;

    /// <summary>Port of an ENI, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int PortOf(string eni) => _ports.Of(eni, Version);

    /// <summary>Version of the snapshot in which an ENI appeared: a name that one snapshot did not have is another ENI in the
    /// next, though it keeps its number.</summary>
    public uint PortSince(string eni) => _ports.SinceOf(eni);

    /// <summary>Notes what an ENI is attached to now.</summary>
    /// <param name="eni">The ENI; it has a number.</param>
    /// <param name="attachment">Its instance, or that it is detached.</param>
    /// <returns>Version of the snapshot since which the same guest has the same ENI: what is older belongs to another.</returns>
    public uint NoteAttachment(string eni, string attachment)
    {
        uint since = PortSince(eni);
        bool isSame = _attachments.TryGetValue(eni, out (string Attachment, uint ChangedIn) known) && known.Attachment == attachment &&
            since <= known.ChangedIn;
        uint changedIn = isSame ? known.ChangedIn : Version;
        _attachments[eni] = (attachment, changedIn);
        return changedIn;
    }

    /// <summary>Number of a VPC, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int VpcOf(string vpc) => _vpcs.Of(VpcKey(vpc), Version);

    /// <summary>Version of the snapshot in which a VPC appeared.</summary>
    public uint VpcSince(string vpc) => _vpcs.SinceOf(VpcKey(vpc));

    /// <summary>Number of the space of a peering's connections, one of the VPCs' numbers.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int PeeringOf(string peering) => _vpcs.Of(PeeringKey(peering), Version);

    /// <summary>Version of the snapshot in which a peering appeared.</summary>
    public uint PeeringSince(string peering) => _vpcs.SinceOf(PeeringKey(peering));

    /// <summary>Number of an EIP, from 1: its meters and token buckets hang on it.</summary>
    /// <exception cref="InvalidOperationException">All 32766 are taken.</exception>
    public int EipOf(string eip) => _eips.Of(eip, Version);

    /// <summary>Version of the snapshot in which an EIP appeared.</summary>
    public uint EipSince(string eip) => _eips.SinceOf(eip);

    /// <summary>Number of a security group, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 32767 are taken.</exception>
    public int GroupOf(string group) => _groups.Of(group, Version);

    /// <summary>Highest group number given, plus one.</summary>
    public int GroupCount => _groups.End;

    /// <summary>Version of the snapshot in which a group appeared.</summary>
    public uint GroupSince(string group) => _groups.SinceOf(group);

    /// <summary>Number of a load balancer's listener, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int ListenerOf(string listener) => _listeners.Of(listener, Version);

    /// <summary>Number of a listener's backend, from 1: its connections, and what is known of it, hang on it.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int BackendOf(string backend) => _backends.Of(backend, Version);

    /// <summary>Number of a backend that has one; 0 = it has none.</summary>
    public int KnownBackend(string backend) => _backends.Known(backend);

    /// <summary>Version of the snapshot in which a backend appeared.</summary>
    public uint BackendSince(string backend) => _backends.SinceOf(backend);

    /// <summary>Number of a health check, from 1: what is known of its target hangs on it.</summary>
    /// <exception cref="InvalidOperationException">All 16383 are taken.</exception>
    public int ProbeOf(string probe) => _probes.Of(probe, Version);

    /// <summary>Number of a health check that has one; 0 = it has none.</summary>
    public int KnownProbe(string probe) => _probes.Known(probe);

    /// <summary>Highest number of a health check given, plus one.</summary>
    public int ProbeCount => _probes.End;

    /// <summary>Version of the snapshot in which a health check appeared.</summary>
    public uint ProbeSince(string probe) => _probes.SinceOf(probe);

    /// <summary>Notes the rules of a group as they are now.</summary>
    /// <param name="group">The group; it has a number.</param>
    /// <param name="rules">Its rules, or whatever is equal as long as they are the same.</param>
    /// <returns>Version of the snapshot in which they became so.</returns>
    public uint NoteRules(string group, object rules)
    {
        bool isSame = _rules.TryGetValue(group, out (object Rules, uint ChangedIn) known) && known.Rules.Equals(rules) &&
            GroupSince(group) <= known.ChangedIn;
        uint changedIn = isSame ? known.ChangedIn : Version;
        _rules[group] = (rules, changedIn);
        return changedIn;
    }

    /// <summary>Notes where an EIP is now.</summary>
    /// <param name="eip">The EIP; it has a number.</param>
    /// <param name="place">Whatever is equal as long as it stays there; null = nowhere.</param>
    /// <returns>Version of the snapshot in which it came there, 0 for nowhere; and whether it was elsewhere before, since the EIP
    /// appeared.</returns>
    public (uint PlacedIn, bool HasMoved) NotePlace(string eip, string? place)
    {
        EipTrail trail = EipSince(eip) == Version ? default : _trails.GetValueOrDefault(eip);
        bool isNews = place != null && (place != trail.Place || trail.PlacedIn == 0);
        _trails[eip] = new EipTrail(
            place ?? trail.Place, place == null ? 0 : isNews ? Version : trail.PlacedIn,
            trail.HasMoved || (place != null && trail.Place != null && place != trail.Place));
        return (_trails[eip].PlacedIn, _trails[eip].HasMoved);
    }

    /// <summary>What was compiled of the groups last.</summary>
    internal CompiledRulesCache CompiledRules { get; }

    /// <summary>Begins the next snapshot.</summary>
    public void BeginVersion() => Version++;

    /// <summary>A directory of its own with the same numbers: a compilation that may come to nothing is tried on it.</summary>
    public NumberDirectory Copy() => new(this);

    /// <summary>Lets the next new ENI have the number of one that is gone. The caller knows that no connection and no
    /// counter of the old one is of interest any more.</summary>
    /// <returns>False when the ENI has no number.</returns>
    public bool ReleasePort(string eni)
    {
        _attachments.Remove(eni);
        return _ports.Release(eni);
    }

    /// <summary>Lets the next new VPC have the number of one that is gone, once no connection of it can be left.
    /// </summary>
    /// <returns>False when the VPC has no number.</returns>
    public bool ReleaseVpc(string vpc) => _vpcs.Release(VpcKey(vpc));

    /// <summary>The same for a peering that is gone, and that no route names.</summary>
    /// <returns>False when it has no number.</returns>
    public bool ReleasePeering(string peering) => _vpcs.Release(PeeringKey(peering));

    /// <summary>Lets the next new EIP have the number of one that is gone, with its meters and token buckets.</summary>
    /// <returns>The number; 0 when the EIP has none.</returns>
    public int ReleaseEip(string eip)
    {
        int number = _eips.Known(eip);
        _eips.Release(eip);
        _trails.Remove(eip);
        return number;
    }

    /// <summary>Lets the next new security group have the number of one that is gone.</summary>
    /// <returns>False when the group has no number.</returns>
    public bool ReleaseGroup(string group)
    {
        _rules.Remove(group);
        return _groups.Release(group);
    }

    /// <summary>Lets the next new backend have the number of one that is gone. The caller knows that it has no connections left.
    /// </summary>
    /// <returns>False when the backend has no number.</returns>
    public bool ReleaseBackend(string backend) => _backends.Release(backend);

    /// <summary>Lets the next new health check have the number of one that is gone.</summary>
    /// <returns>False when the health check has no number.</returns>
    public bool ReleaseProbe(string probe) => _probes.Release(probe);

    /// <summary>A VPC and a peering may have one name.</summary>
    private static string VpcKey(string vpc) => "vpc " + vpc;

    private static string PeeringKey(string peering) => "peering " + peering;

    /// <summary>Where an EIP is or was last, since when it is there, and whether it was elsewhere.</summary>
    private readonly record struct EipTrail(string? Place, uint PlacedIn, bool HasMoved);

    /// <summary>Who has a number, since which snapshot, and which snapshot had it last.</summary>
    private readonly record struct Holder(int Number, uint Since, uint LastIn);

    /// <summary>Numbers of one kind: the lowest released one first, else the next.</summary>
    private sealed class NumberSpace(string what, int first, int most)
    {
        private readonly string _what = what;
        private readonly int _most = most;
        private readonly Dictionary<string, Holder> _holders = new(StringComparer.Ordinal);
        private readonly PriorityQueue<int, int> _released = new();

        public NumberSpace(NumberSpace other)
            : this(other._what, other.End, other._most)
        {
            _holders = new Dictionary<string, Holder>(other._holders, StringComparer.Ordinal);
            _released = new PriorityQueue<int, int>(other._released.UnorderedItems);
        }

        public int End { get; private set; } = first;

        public int Of(string name, uint version)
        {
            if (_holders.TryGetValue(name, out Holder holder))
            {
                if (holder.LastIn != version)
                {
                    // A snapshot between the last one that had the name and this one did without it.
                    uint since = holder.LastIn + 1 < version ? version : holder.Since;
                    _holders[name] = holder with { Since = since, LastIn = version };
                }

                return holder.Number;
            }

            if (!_released.TryDequeue(out int number, out _))
            {
                if (End > _most)
                {
                    throw new InvalidOperationException($"all {_most} numbers for {_what} are given; restart the switch");
                }

                number = End++;
            }

            _holders.Add(name, new Holder(number, version, version));
            return number;
        }

        public uint SinceOf(string name) => _holders[name].Since;

        public int Known(string name) => _holders.TryGetValue(name, out Holder holder) ? holder.Number : 0;

        public bool Release(string name)
        {
            bool had = _holders.Remove(name, out Holder holder);
            if (had)
            {
                _released.Enqueue(holder.Number, holder.Number);
            }

            return had;
        }
    }
}
