using System.Globalization;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;

namespace VSwitch.Watching;

/// <summary>What became of a packet, in the words that stand in captures. Said once for each kind and kept: captures are long.</summary>
/// <param name="nameOf">Name of a port.</param>
internal sealed class SightingWords(Func<int, string> nameOf)
{
    private const int MostKept = 4096;
    private readonly Dictionary<(PacketDirection, PacketVerdict, DropReason, int, int), string> _kept = [];

    /// <summary>"dropped: security-group-ingress", "forwarded to web-1", "forwarded from internet", "answered by the switch"; with how many
    /// it stands for where not all are taken.</summary>
    public string Of(in PacketRecord record)
    {
        var key = (record.Direction, record.Verdict, record.Reason, (int)record.OtherPort, record.SampledOneIn);
        if (!_kept.TryGetValue(key, out string? words))
        {
            if (_kept.Count >= MostKept)
            {
                _kept.Clear();
            }

            string sample = record.SampledOneIn > 1 ? string.Create(CultureInfo.InvariantCulture, $"; 1 in {record.SampledOneIn} taken") : "";
            words = Fate(record) + sample;
            _kept.Add(key, words);
        }

        return words;
    }

    private string Fate(in PacketRecord record) => record.Verdict switch
    {
        PacketVerdict.Dropped => $"{record.Verdict.Name()}: {record.Reason.Name()}",
        PacketVerdict.Forwarded => $"{record.Verdict.Name()} {(record.Direction == PacketDirection.In ? "to" : "from")} {nameOf(record.OtherPort)}",
        _ => $"{record.Verdict.Name()} by the switch",
    };
}
