using Microsoft.Extensions.Logging;
using VSwitch.DataPlane.Limits;
using VSwitch.Messages;

namespace VSwitch.Live;

/// <summary>Says when scrubbing begins and ends. Looked at now and then: scrubbing lasts a second at least, so none is missed.</summary>
internal sealed class ProtectionWatch(SwitchHost host, ILogger log)
{
    private readonly Dictionary<string, ScrubbingReading> _begun = new(StringComparer.Ordinal);

    /// <summary>Says what changed since the last look.</summary>
    public void Look()
    {
        var now = ProtectionReading.All(host).ToDictionary(r => r.Eip.Name, StringComparer.Ordinal);
        foreach ((string name, ScrubbingReading before) in _begun.Where(b => !now.TryGetValue(b.Key, out ProtectionReading? r) || !r.State.IsScrubbing).ToList())
        {
            _begun.Remove(name);
            if (now.TryGetValue(name, out ProtectionReading? reading))
            {
                ScrubbingReading s = reading.State;
                log.ScrubbingEnded(
                    name, s.Peak.Packets, s.Peak.Bits, s.Peak.Syns, s.Peak.NewConnections, s.ScrubbedPackets - before.ScrubbedPackets,
                    s.Challenges - before.Challenges, s.Proofs - before.Proofs);
            }
            else
            {
                log.ProtectionRemoved(name);
            }
        }

        foreach (ProtectionReading reading in now.Values.Where(r => r.State.IsScrubbing && !_begun.ContainsKey(r.Eip.Name)))
        {
            ScrubbingReading s = reading.State;
            _begun.Add(reading.Eip.Name, s);
            log.ScrubbingBegan(
                reading.Eip.Name, reading.Eip.Address.ToString(), ProtectionReading.Word(s.Trigger) ?? "", s.Rates.Packets, s.Rates.Bits,
                s.Rates.Syns, s.Rates.NewConnections);
        }
    }
}
