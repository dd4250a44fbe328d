using System.Collections.Concurrent;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Live;

/// <summary>How often each EIP has moved since the switch started: from one holder to another, whoever wanted it.</summary>
internal sealed class EipMoves
{
    private readonly ConcurrentDictionary<string, long> _moves = new(StringComparer.Ordinal);

    /// <summary>Moves of an EIP; any thread.</summary>
    public long Of(string eip) => _moves.GetValueOrDefault(eip);

    /// <summary>Notes a change that comes into force; one caller at a time.</summary>
    public void Note(SwitchConfig before, SwitchConfig after)
    {
        var next = after.ElasticIps.ToDictionary(e => e.Name, StringComparer.Ordinal);
        foreach (ElasticIpConfig was in before.ElasticIps)
        {
            if (!next.TryGetValue(was.Name, out ElasticIpConfig? now))
            {
                _moves.TryRemove(was.Name, out _);
            }
            else if (was.IsAssociated && now.IsAssociated && (was.Holder != now.Holder || AddressOf(before, was) != AddressOf(after, now)))
            {
                _moves[was.Name] = Of(was.Name) + 1;
            }
        }
    }

    /// <summary>Its private address, said or not.</summary>
    private static VSwitch.Wire.IpAddress? AddressOf(SwitchConfig config, ElasticIpConfig eip) => eip.Eni == null ? null
        : eip.PrivateIp ?? config.Enis.First(e => e.Name == eip.Eni).PrivateIps.First(ip => !ip.IsV6);
}
