using static VSwitch.Testing.TcpBits;

namespace VSwitch.Testing.Differential;

/// <summary>The course of a TCP conversation: it opens in one of many ways, carries data both ways, with losses, closes in
/// one of many ways, and perhaps opens again on the same ports.</summary>
internal sealed class TcpScript(Random random)
{
    private const TcpBits SynAck = Syn | Ack;

    /// <summary>The opener, the other end.</summary>
    public TcpSide[] Sides { get; } = [new(), new()];

    /// <summary>The whole course.</summary>
    public IEnumerable<(TrialSegment Segment, string What)> Run()
    {
        int rounds = random.Next(4) == 0 ? 2 + random.Next(2) : 1;
        for (int round = 0; round < rounds; round++)
        {
            int opener = round == 0 || random.Next(4) > 0 ? 0 : 1;
            Renew(round);
            foreach ((TrialSegment, string) step in Open(opener).Concat(Exchange()).Concat(Close()).Concat(After()))
            {
                yield return step;
            }
        }
    }

    private static TrialSegment Make(
        int sender, TcpBits flags, uint sequence, uint acknowledgment, int length, ushort window, byte[] options) =>
        new(sender, flags, sequence, acknowledgment, length, window, options);

    private void Renew(int round)
    {
        foreach (TcpSide side in Sides)
        {
            // A new connection on the ports of the old one begins above it, below it, or anywhere.
            uint first = random.Next(5) == 0 ? unchecked((uint)-random.Next(2000)) : (uint)random.NextInt64(1L << 32);
            side.First = round > 0 && random.Next(2) == 0 ? side.Next + (uint)random.Next(100_000) : first;
            side.Next = side.First;
            ushort[] windows = [65535, 29200, 1000, 1, 0, 4096, 500, 65535, 29200];
            side.Window = windows[random.Next(windows.Length)];
        }

        bool[] scales = [random.Next(3) > 0, random.Next(3) > 0];
        bool[] sacks = [random.Next(3) > 0, random.Next(3) > 0];
        for (int i = 0; i < 2; i++)
        {
            int shift = random.Next(10) == 0 ? 14 + random.Next(3) : random.Next(11);
            Sides[i].SynOptions =
            [
                .. random.Next(4) > 0 ? [2, 4, 5, 180] : (byte[])[],
                .. sacks[i] ? [1, 1, 4, 2] : (byte[])[],
                .. random.Next(3) == 0 ? [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0] : (byte[])[],
                .. scales[i] ? [1, 3, 3, (byte)shift] : (byte[])[],
            ];
            Sides[i].IsSackUsed = sacks[0] && sacks[1];
            Sides[i].Scale = scales[0] && scales[1] ? Math.Min(shift, 14) : 0;
        }
    }

    private TrialSegment Send(int sender, TcpBits flags, int length = 0, uint? acknowledgment = null, byte[]? options = null)
    {
        (TcpSide self, TcpSide peer) = (Sides[sender], Sides[1 - sender]);
        uint ack = (flags & Ack) == 0 ? 0 : acknowledgment ?? peer.Next;
        bool isSyn = (flags & Syn) != 0;
        uint sequence = isSyn ? self.First : self.Next;
        byte[] carried = options ?? (isSyn ? self.SynOptions : []);
        TrialSegment segment = Make(sender, flags, sequence, ack, length, self.Window, carried);
        if (TrialSegment.IsAfter(segment.End, self.Next))
        {
            self.Next = segment.End;
        }

        if ((flags & Ack) != 0 && (TrialSegment.IsAfter(ack, self.Acknowledged) || isSyn))
        {
            self.Acknowledged = ack;
        }

        self.Edge = ack + ((uint)self.Window << (isSyn ? 0 : self.Scale));

        return segment;
    }

    /// <summary>What the other end's window has room for.</summary>
    private int Room(int sender, int most) => Math.Clamp((int)(Sides[1 - sender].Edge - Sides[sender].Next), 0, most);

    private IEnumerable<(TrialSegment, string)> Open(int opener)
    {
        int other = 1 - opener;
        switch (random.Next(20))
        {
            case 0:
                yield return (Send(opener, Syn), "SYN");
                yield return (Send(other, Syn), "simultaneous SYN");
                bool isOpenerFirst = random.Next(2) == 0;
                yield return (Send(isOpenerFirst ? opener : other, SynAck), "SYN+ACK to the simultaneous SYN");
                yield return (Send(isOpenerFirst ? other : opener, random.Next(2) == 0 ? SynAck : Ack), "answer to that");
                yield return (Send(isOpenerFirst ? opener : other, Ack), "ACK");
                break;
            case 1:
                yield return (Send(opener, Syn), "SYN");
                yield return (Send(other, Rst | Ack) with { Sequence = 0 }, "refusal");
                yield return (Send(opener, Syn), "SYN after the refusal");
                yield return (Send(other, SynAck), "SYN+ACK after the refusal");
                yield return (Send(opener, Ack), "ACK");
                break;
            case 2:
                yield return (Send(opener, Syn), "SYN");
                uint old = (uint)random.NextInt64(1L << 32);
                yield return (Make(other, Ack, (uint)random.NextInt64(1L << 32), old, 0, 1000, []), "challenge ACK to the SYN");
                yield return (Make(opener, Rst, old, 0, 0, 0, []), "RST to the challenge ACK");
                yield return (Send(opener, Syn), "SYN again");
                yield return (Send(other, SynAck), "SYN+ACK");
                yield return (Send(opener, Ack), "ACK");
                break;
            case 3:
                yield return (Send(other, SynAck), "SYN+ACK first");
                yield return (Send(opener, Ack), "ACK of it");
                break;
            case 4:
                yield return (Send(opener, Ack, random.Next(100)), "middle of a stream");
                yield return (Send(other, Ack, random.Next(100)), "middle of a stream");
                break;
            case 5:
                yield return (Send(opener, Syn), "SYN");
                yield return (Send(opener, Syn), "SYN again");
                yield return (Send(other, SynAck), "SYN+ACK");
                yield return (Send(other, SynAck), "SYN+ACK again");
                yield return (Send(opener, Syn), "late SYN");
                yield return (Send(opener, Ack), "ACK");
                break;
            case 6:
                yield return (Send(opener, Syn, 1 + random.Next(100)), "SYN with data");
                yield return (Send(other, SynAck, random.Next(2) * 50), "SYN+ACK");
                yield return (Send(opener, Ack), "ACK");
                break;
            default:
                yield return (Send(opener, Syn), "SYN");
                yield return (Send(other, SynAck), "SYN+ACK");
                yield return (Send(opener, Ack, random.Next(4) == 0 ? 100 : 0), "ACK");
                break;
        }
    }

    private IEnumerable<(TrialSegment, string)> Exchange()
    {
        int count = random.Next(14);
        for (int i = 0; i < count; i++)
        {
            int sender = random.Next(2);
            (TcpSide self, TcpSide peer) = (Sides[sender], Sides[1 - sender]);
            uint start = self.Next;
            int[] sizes = [0, 1, 100, 600, 1400];
            int length = sizes[random.Next(sizes.Length)];
            // Now and then a sender does not look at the window.
            int room = Room(sender, 100_000);
            length = random.Next(20) == 0 ? length : Math.Min(length, room);
            switch (random.Next(10))
            {
                case 0:
                    // Lost before it comes here; the next one is beyond the gap, and the peer says so.
                    self.Next += (uint)random.Next(Math.Max(1, room - length));
                    uint left = self.Next;
                    yield return (Send(sender, Ack, length), "data behind a gap");
                    byte[] sack = peer.IsSackUsed ? TcpSide.Sack((left, self.Next)) : [];
                    yield return (Send(1 - sender, Ack, acknowledgment: start, options: sack), "ACK of what was before the gap");
                    break;
                case 1:
                    ushort[] windows = [65535, 0, 1, 1000, 8192];
                    self.Window = windows[random.Next(windows.Length)];
                    yield return (Send(sender, Ack), "another window");
                    break;
                case 2:
                    yield return (Send(sender, Ack) with { Sequence = start - 1, Length = random.Next(2) }, "keep-alive");
                    yield return (Send(1 - sender, Ack), "answer to the keep-alive");
                    break;
                case 3:
                    yield return (Send(sender, Ack | Urg | Psh, length), "urgent data");
                    break;
                default:
                    yield return (Send(sender, random.Next(3) == 0 ? Ack | Psh : Ack, length), "data");
                    break;
            }
        }
    }

    private IEnumerable<(TrialSegment, string)> Close()
    {
        int first = random.Next(2);
        int second = 1 - first;
        switch (random.Next(9))
        {
            case 0:
                yield return (Send(first, Rst | Ack), "RST");
                break;
            case 1:
                yield return (Make(first, Rst, Sides[second].Acknowledged, 0, 0, 0, []), "RST at what is acknowledged");
                break;
            case 2:
                uint ack = Sides[first].Next;
                yield return (Send(first, Fin | Ack), "FIN");
                yield return (Send(second, Fin | Ack, acknowledgment: ack), "FIN at the same time");
                yield return (Send(first, Ack), "ACK");
                yield return (Send(second, Ack), "ACK");
                break;
            case 3:
                yield return (Send(first, Fin | Ack), "FIN");
                yield return (Send(second, Fin | Ack), "FIN with the ACK");
                yield return (Send(first, Ack), "last ACK");
                break;
            case 4:
                yield return (Send(first, Fin | Ack), "FIN");
                yield return (Send(second, Ack), "ACK of the FIN");
                yield return (Send(second, Ack, Room(second, 500)), "data after the FIN");
                yield return (Send(first, Ack), "ACK");
                yield return (Send(second, Fin | Ack), "FIN");
                yield return (Send(first, Ack), "last ACK");
                break;
            case 5:
                yield return (Send(first, Fin | Ack, Room(first, 100)), "FIN with data");
                yield return (Send(second, Rst | Ack), "RST to the FIN");
                break;
            case 6:
                break;
            default:
                yield return (Send(first, Fin | Ack), "FIN");
                yield return (Send(second, Ack), "ACK of the FIN");
                yield return (Send(second, Fin | Ack), "FIN");
                yield return (Send(first, Ack), "last ACK");
                break;
        }
    }

    private IEnumerable<(TrialSegment, string)> After()
    {
        int count = random.Next(4);
        for (int i = 0; i < count; i++)
        {
            yield return (Send(random.Next(2), random.Next(4) == 0 ? Rst | Ack : Ack), "after the end");
        }
    }
}
