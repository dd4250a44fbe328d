using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Datagrams in pieces: in every order, with duplicates, overlaps, gaps, pieces lost, other ends and too many pieces.
/// </summary>
internal sealed class TrafficFragments(TrafficPlan plan, Random random)
{
    /// <summary>The pieces of one datagram between two ends.</summary>
    public (string Port, IReadOnlyList<byte[]> Frames) Datagram()
    {
        (TrafficEnd from, TrafficEnd _) = plan.Ends();
        int bytes = 24 + random.Next(random.Next(6) == 0 ? 8000 : 600);
        byte[] whole = Whole(from.Addresses, bytes);
        int pieces = random.Next(12) == 0 ? 40 : 1 + random.Next(8);
        int each = Math.Max(1, (bytes / pieces) / 8) * 8;
        uint id = (uint)random.Next(random.Next(2) == 0 ? 4 : 1 << 16);
        List<byte[]> frames = [.. Frames.Fragments(whole, each, id)];
        for (int i = random.Next(3); i > 0; i--)
        {
            Spoil(frames, whole, bytes, id);
        }

        byte[][] ordered = [.. frames];
        switch (random.Next(4))
        {
            case 0:
                random.Shuffle(ordered);
                break;
            case 1:
                Array.Reverse(ordered);
                break;
        }

        return (from.Port, ordered);
    }

    private byte[] Whole(FrameAddresses ends, int bytes)
    {
        PacketBuilder ip = ends.Source.IsV6
            ? PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).IPv6(ends.Source, ends.Destination)
            : PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).IPv4(ends.Source, ends.Destination, v4 => v4 with
            {
                Ttl = (byte)(random.Next(30) == 0 ? 1 : 64),
            });
        ushort port = (ushort)(42_000 + random.Next(4));
        return (random.Next(6) switch
        {
            0 => ip.Echo(false, port, 1),
            1 => ip.Tcp(port, 80, TcpBits.Syn),
            2 => ip.Protocol(47),
            _ => ip.Udp(port, 1000),
        }).Payload(bytes).Build();
    }

    private void Spoil(List<byte[]> frames, byte[] whole, int bytes, uint id)
    {
        byte[] any = frames[random.Next(frames.Count)];
        switch (random.Next(5))
        {
            case 0:
                frames.Add(any);
                break;
            case 1 when frames.Count > 1:
                frames.Remove(any);
                break;
            case 2:
                IReadOnlyList<byte[]> others = Frames.Fragments(whole, 8 * (1 + random.Next(Math.Max(1, bytes / 8))), id);
                frames.Insert(random.Next(frames.Count + 1), others[random.Next(others.Count)]);
                break;
            case 3:
                int shift = random.Next(4);
                frames.Insert(random.Next(frames.Count + 1), Moved(any, shift == 0 ? 8191 : random.Next(200), random.Next(2) == 0));
                break;
        }
    }

    /// <summary>A piece as if it stood elsewhere in the datagram.</summary>
    private static byte[] Moved(byte[] frame, int units, bool more)
    {
        byte[] copy = [.. frame];
        if (copy[12] == 0x86)
        {
            int word = (units << 3) | (more ? 1 : 0);
            if (copy[20] == 44)
            {
                (copy[56], copy[57]) = ((byte)(word >> 8), (byte)word);
            }

            return copy;
        }

        (copy[20], copy[21]) = ((byte)((more ? 0x20 : 0) | (units >> 8)), (byte)units);
        (copy[24], copy[25]) = (0, 0);
        int header = (copy[14] & 15) * 4;
        ushort checksum = OnesComplement.Checksum(copy.AsSpan(14, header));
        (copy[24], copy[25]) = ((byte)(checksum >> 8), (byte)checksum);
        return copy;
    }
}
