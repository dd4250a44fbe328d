namespace VSwitch.Testing.Reference;

/// <summary>States of a TCP connection, as Linux names them; the last two are answers of the table only.</summary>
public enum ReferenceTcpState
{
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
    Ignore,
    Invalid,
}

/// <summary>Packet classes, in the order in which a flag decides.</summary>
public enum ReferenceTcpClass
{
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    None,
}

/// <summary>The connection-tracking table of TCP (facts of linux_nf_conntrack_tcp.tsv, which a test compares).</summary>
public static class ReferenceTcp
{
    // Columns: none, syn-sent, syn-recv, established, fin-wait, close-wait, last-ack, time-wait, close, syn-sent2.
    private static readonly Dictionary<ReferenceTcpClass, string> Original = new()
    {
        [ReferenceTcpClass.Syn] = "SS SS IG IG IG IG IG SS SS S2",
        [ReferenceTcpClass.SynAck] = "IV IV SR IV IV IV IV IV IV SR",
        [ReferenceTcpClass.Fin] = "IV IV FW FW LA LA LA TW CL IV",
        [ReferenceTcpClass.Ack] = "ES IV ES ES CW CW TW TW CL IV",
        [ReferenceTcpClass.Rst] = "IV CL CL CL CL CL CL CL CL CL",
        [ReferenceTcpClass.None] = "IV IV IV IV IV IV IV IV IV IV",
    };

    private static readonly Dictionary<ReferenceTcpClass, string> Reply = new()
    {
        [ReferenceTcpClass.Syn] = "IV S2 IV IV IV IV IV SS IV S2",
        [ReferenceTcpClass.SynAck] = "IV SR IG IG IG IG IG IG IG SR",
        [ReferenceTcpClass.Fin] = "IV IV FW FW LA LA LA TW CL IV",
        [ReferenceTcpClass.Ack] = "IV IG SR ES CW CW TW TW CL IG",
        [ReferenceTcpClass.Rst] = "IV CL CL CL CL CL CL CL CL CL",
        [ReferenceTcpClass.None] = "IV IV IV IV IV IV IV IV IV IV",
    };

    private static readonly TcpBits[] GoodFlags =
    [
        TcpBits.Syn, TcpBits.Syn | TcpBits.Urg, TcpBits.Syn | TcpBits.Ack, TcpBits.Rst, TcpBits.Rst | TcpBits.Ack,
        TcpBits.Fin | TcpBits.Ack, TcpBits.Fin | TcpBits.Ack | TcpBits.Urg, TcpBits.Ack, TcpBits.Ack | TcpBits.Urg,
    ];

    /// <summary>True for the combinations that a sane end sends; PSH, ECE, CWR and the reserved bits do not count.</summary>
    public static bool AreGood(TcpBits flags) =>
        GoodFlags.Contains(flags & (TcpBits.Fin | TcpBits.Syn | TcpBits.Rst | TcpBits.Ack | TcpBits.Urg));

    /// <summary>The flag that decides: rst, syn (with ack), fin, ack, none.</summary>
    public static ReferenceTcpClass ClassOf(TcpBits flags) => flags switch
    {
        _ when flags.HasFlag(TcpBits.Rst) => ReferenceTcpClass.Rst,
        _ when flags.HasFlag(TcpBits.Syn | TcpBits.Ack) => ReferenceTcpClass.SynAck,
        _ when flags.HasFlag(TcpBits.Syn) => ReferenceTcpClass.Syn,
        _ when flags.HasFlag(TcpBits.Fin) => ReferenceTcpClass.Fin,
        _ when flags.HasFlag(TcpBits.Ack) => ReferenceTcpClass.Ack,
        _ => ReferenceTcpClass.None,
    };

    /// <summary>The table's answer.</summary>
    public static ReferenceTcpState Next(bool original, ReferenceTcpClass packet, ReferenceTcpState state)
    {
        string cell = (original ? Original : Reply)[packet].Split(' ')[(int)state];
        return cell switch
        {
            "SS" => ReferenceTcpState.SynSent,
            "SR" => ReferenceTcpState.SynRecv,
            "ES" => ReferenceTcpState.Established,
            "FW" => ReferenceTcpState.FinWait,
            "CW" => ReferenceTcpState.CloseWait,
            "LA" => ReferenceTcpState.LastAck,
            "TW" => ReferenceTcpState.TimeWait,
            "CL" => ReferenceTcpState.Close,
            "S2" => ReferenceTcpState.SynSent2,
            "IG" => ReferenceTcpState.Ignore,
            _ => ReferenceTcpState.Invalid,
        };
    }
}
