using System.Buffers.Binary;

namespace VSwitch.Testing.Differential;

/// <summary>What a tracker knows of one side of a TCP connection.</summary>
internal sealed class TcpModelSide
{
    /// <summary>The same numbers, apart.</summary>
    public TcpModelSide Copy() => (TcpModelSide)MemberwiseClone();

    /// <summary>Behind the highest number seen.</summary>
    public uint End { get; set; }

    /// <summary>The highest number that the other side's window allows.</summary>
    public uint MaxEnd { get; set; }

    /// <summary>The largest window that it offered, bytes; 0 while nothing of it is known.</summary>
    public uint MaxWindow { get; set; }

    /// <summary>The highest acknowledgement that it sent; null before one.</summary>
    public uint? MaxAck { get; set; }

    /// <summary>The shift of its window field.</summary>
    public int Scale { get; set; }

    /// <summary>True when its SYN had a window scale.</summary>
    public bool HasScale { get; set; }

    /// <summary>True when its SYN permitted SACK.</summary>
    public bool PermitsSack { get; set; }

    /// <summary>True when it was the first to close.</summary>
    public bool IsCloser { get; set; }

    /// <summary>Begins with the numbers of a SYN.</summary>
    public void Begin(TrialSegment syn)
    {
        End = syn.End;
        MaxEnd = End;
        MaxWindow = Math.Max((ushort)1, syn.Window);
        ReadOptions(syn);
    }

    /// <summary>Takes scale and SACK from a SYN's options; a SYN without any leaves them as they are.</summary>
    public void ReadOptions(TrialSegment syn)
    {
        if (syn.Options.Length == 0)
        {
            return;
        }

        (Scale, HasScale, PermitsSack, MaxAck, IsCloser) = (0, false, false, null, false);
        foreach ((int kind, int at, int size) in Walk(syn.Options))
        {
            if (kind == 4 && size == 2)
            {
                PermitsSack = true;
            }
            else if (kind == 3 && size == 3)
            {
                (Scale, HasScale) = (Math.Min((int)syn.Options[at + 2], 14), true);
            }
        }
    }

    /// <summary>The highest right edge of the first SACK option if that is after the acknowledgement, else the latter.</summary>
    public static uint SackEdge(TrialSegment segment)
    {
        uint edge = segment.Acknowledgment;
        foreach ((int kind, int at, int size) in Walk(segment.Options))
        {
            if (kind == 5 && size >= 10 && (size - 2) % 8 == 0)
            {
                for (int i = at + 2; i < at + size; i += 8)
                {
                    uint right = BinaryPrimitives.ReadUInt32BigEndian(segment.Options.AsSpan(i + 4));
                    edge = TrialSegment.IsAfter(right, edge) ? right : edge;
                }

                break;
            }
        }

        return edge;
    }

    private static IEnumerable<(int Kind, int At, int Size)> Walk(byte[] options)
    {
        int at = 0;
        while (at < options.Length && options[at] != 0)
        {
            if (options[at] == 1)
            {
                at++;
                continue;
            }

            if (at + 2 > options.Length || options[at + 1] < 2 || at + options[at + 1] > options.Length)
            {
                yield break;
            }

            yield return (options[at], at, options[at + 1]);
            at += options[at + 1];
        }
    }
}
