using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Where EIPs were, since their name is configured.</summary>
internal sealed class ReferenceTrails
{
    private readonly Dictionary<string, (string Eni, IpAddress Private)> _places = [];
    private readonly HashSet<string> _moved = [];

    public void Note(ReferenceTopology topology)
    {
        foreach (string gone in _places.Keys.Where(name => !topology.Config.ElasticIps.Any(e => e.Name == name)).ToList())
        {
            _places.Remove(gone);
            _moved.Remove(gone);
        }

        foreach (ElasticIpConfig eip in topology.Config.ElasticIps)
        {
            if (topology.Bound(eip.Address) is not { } bound)
            {
                continue;
            }

            if (_places.TryGetValue(eip.Name, out (string, IpAddress) before) && before != (bound.Eni.Name, bound.Private))
            {
                _moved.Add(eip.Name);
            }

            _places[eip.Name] = (bound.Eni.Name, bound.Private);
        }
    }

    /// <summary>True when it was elsewhere before.</summary>
    public bool HasMoved(string eip) => _moved.Contains(eip);
}
