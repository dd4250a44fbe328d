using static VSwitch.Testing.TcpBits;

namespace VSwitch.Testing.Differential;

/// <summary>Segments that do not belong at this place of a conversation: retransmitted, old, forged, out of the window, with
/// flags that make no sense.</summary>
internal sealed class TrialOddSegments(Random random, TcpSide[] sides, IReadOnlyList<TrialSegment> sent)
{
    private static readonly int[] Distances =
    [
        0, 1, -1, 2, 10, -10, 500, -500, 1461, 40_000, -40_000, 66_001, -66_001, 70_000, -70_000, 1 << 20, -(1 << 20),
        (1 << 30) + 5, -(1 << 30) - 5, int.MaxValue - 200_000, int.MinValue + 200_000,
    ];

    /// <summary>Makes one, with a word on what it is.</summary>
    public (TrialSegment Segment, string What) Next()
    {
        int sender = random.Next(2);
        (TcpSide self, TcpSide peer) = (sides[sender], sides[1 - sender]);
        ushort window = self.Window;
        byte[] synOptions = Chance(2) ? self.SynOptions : [];
        switch (random.Next(19))
        {
            case 0 or 1 or 2:
                return (sent[^(1 + random.Next(Math.Min(4, sent.Count)))], "retransmission");
            case 3:
                return (sent[random.Next(sent.Count)], "old duplicate");
            case 4:
                return (Make(sender, Syn, Chance(3) ? self.First : Near(self.Next), 0, 0, window, synOptions), "odd SYN");
            case 5:
                uint ack = Chance(3) ? peer.First + 1 : LastSynEnd(1 - sender) ?? Near(peer.Next);
                uint first = Chance(3) ? self.First : Near(self.Next);
                return (Make(sender, Syn | Ack, first, Chance(3) ? Near(ack) : ack, 0, window, synOptions), "odd SYN+ACK");
            case 6:
                return (Make(sender, Rst, Target(self, peer), 0, 0, 0, []), "odd RST");
            case 7:
                uint answered = Chance(3) ? LastSynEnd(1 - sender) ?? 0 : Chance(2) ? Near(peer.Next) : peer.Next;
                return (Make(sender, Rst | Ack, Target(self, peer), answered, 0, window, []), "odd RST+ACK");
            case 8:
                return (Make(sender, Ack, Near(self.Next), peer.Next, random.Next(3) * 300, window, []), "odd sequence number");
            case 9:
                return (Make(sender, Ack, self.Next, Near(peer.Next), random.Next(2) * 300, window, []), "odd acknowledgement");
            case 10:
                return (Make(sender, Ack, Near(self.Next), Near(peer.Next), random.Next(2) * 300, window, []), "odd numbers");
            case 11:
                return (Make(sender, Fin | Ack, Chance(2) ? self.Next : Near(self.Next), peer.Next, 0, window, []), "odd FIN");
            case 12:
                return (Make(sender, (TcpBits)random.Next(0x200), self.Next, peer.Next, random.Next(2) * 100, window, []), "odd flags");
            case 13:
                return (Make(sender, Ack, self.Next, peer.Acknowledged, 0, window, Blocks(peer)), "odd SACK");
            case 14:
                uint edge = peer.Edge + (uint)random.Next(-3, 4) + (Chance(2) ? 0 : (uint)random.Next(1 << peer.Scale));
                return (Make(sender, Ack, edge, peer.Next, random.Next(2), window, []), "data at the edge of the window");
            case 15:
                uint late = self.Next - ((uint)peer.Window << peer.Scale) + (uint)random.Next(-3, 4);
                return (Make(sender, Ack, late, peer.Next, random.Next(2), window, []), "data at the lower edge of the window");
            case 16:
                uint least = peer.Next - 66_000 + (uint)random.Next(-3, 4);
                return (Make(sender, Ack, self.Next, least, random.Next(2) * 100, window, []), "acknowledgement at its edge");
            case 17:
                byte[] options = new byte[4 * (1 + random.Next(5))];
                random.NextBytes(options);
                return (Make(sender, Chance(2) ? Ack : Syn, self.Next, peer.Next, 0, window, options), "odd options");
            default:
                return (Make(sender, Ack, self.Acknowledged, peer.Next, 0, 0, []), "ACK with the peer's numbers");
        }
    }

    private static TrialSegment Make(
        int sender, TcpBits flags, uint sequence, uint acknowledgment, int length, ushort window, byte[] options) =>
        new(sender, flags, sequence, (flags & Ack) == 0 ? 0 : acknowledgment, length, window, options);

    private bool Chance(int one) => random.Next(one) == 0;

    private uint Near(uint number) => number + unchecked((uint)Distances[random.Next(Distances.Length)]);

    private uint Target(TcpSide self, TcpSide peer) => random.Next(5) switch
    {
        0 => 0,
        1 => peer.Acknowledged,
        2 => self.Next,
        3 => Near(peer.Acknowledged),
        _ => Near(self.Next),
    };

    private uint? LastSynEnd(int sender) => sent.LastOrDefault(segment => segment.Sender == sender && segment.IsSyn)?.End;

    private byte[] Blocks(TcpSide peer)
    {
        int count = 1 + random.Next(4);
        return TcpSide.Sack([.. Enumerable.Range(0, count).Select(_ =>
        {
            uint right = Chance(4) ? Near(peer.Next) : peer.Next - (uint)random.Next(2000);
            return (right - (uint)random.Next(500), right);
        })]);
    }
}
