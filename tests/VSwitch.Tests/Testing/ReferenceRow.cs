using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;

namespace VSwitch.Tests.Testing;

/// <summary>One frame of a row and what must become of it: "forwarded PORT", "answered PORT", "consumed", "dropped REASON" or
/// "dropped REASON + PORT" where the switch also says something, "held" or "held + PORT"; then, for each frame that was held
/// before and ended now, " | PORT forwarded" or " | PORT dropped REASON".</summary>
public sealed record RowStep(string Port, byte[] Frame, string Verdict, long AtMs, PacketCheck[] Checks, byte[]? Exactly = null);

/// <summary>A row of the table of packets: description, packets in, verdict, packets out.</summary>
public sealed record ReferenceRow(string Description, SwitchConfig Config, RowStep[] Steps, SwitchConfig? Then = null, int ThenAt = 0);

/// <summary>Words for rows.</summary>
internal static class RowWords
{
    public static readonly MacAddress Gateway = new(0x0276_7300_0001);
    public static readonly MacAddress Inet = new(0x0276_7300_0002);
    public static readonly SwitchConfig Small = TestTopologies.Small();
    public static readonly SwitchConfig Rich = TestTopologies.Rich();
    public static readonly SwitchConfig Changed = TestTopologies.RichChanged();
    public static readonly IpAddress Friend = Ip("203.0.113.5");
    public static readonly IpAddress Stranger = Ip("203.0.113.70");

    public const string Web6 = "fd00:b:0:1::10";
    public const string App6 = "fd00:b:0:1::11";

    public static IpAddress Ip(string text) => IpAddress.Parse(text);

    public static MacAddress MacOf(string eni) => Rich.Enis.Concat(Small.Enis).First(e => e.Name == eni).Mac;

    /// <summary>Switched between two ENIs.</summary>
    public static FrameAddresses Switched(string from, string to, string source, string destination) =>
        new(MacOf(from), MacOf(to), Ip(source), Ip(destination));

    /// <summary>Routed from an ENI.</summary>
    public static FrameAddresses Routed(string from, string source, string destination) =>
        new(MacOf(from), Gateway, Ip(source), Ip(destination));

    /// <summary>From the public side.</summary>
    public static FrameAddresses Outside(string source, string destination) =>
        new(TestTopologies.GatewayNeighbor, Inet, Ip(source), Ip(destination));

    public static RowStep In(string port, byte[] frame, string verdict, params PacketCheck[] checks) => new(port, frame, verdict, 0, checks);

    public static RowStep In(string port, byte[] frame, string verdict, byte[] exactly) => new(port, frame, verdict, 0, [], exactly);

    public static RowStep At(this RowStep step, long ms) => step with { AtMs = ms };

    public static ReferenceRow Row(string description, params RowStep[] steps) => new(description, Rich, steps);

    public static ReferenceRow Row(string description, SwitchConfig config, params RowStep[] steps) => new(description, config, steps);

    /// <summary>A row whose configuration changes before a step.</summary>
    public static ReferenceRow ChangedRow(string description, SwitchConfig then, int at, params RowStep[] steps) =>
        new(description, Rich, steps, then, at);

    /// <summary>The verdict as the rows write it: what became of the frame, then of frames that were held before.</summary>
    public static string VerdictOf(ReferenceOutcome outcome) =>
        VerdictOf(outcome.Kind, outcome.DropReason, outcome.Sent) + string.Concat(outcome.Ends.Select(end => $" | {WordsOf(end)}"));

    private static string VerdictOf(OutcomeKind kind, DropReason reason, IReadOnlyList<(string Port, byte[] Frame)> sent) => kind switch
    {
        OutcomeKind.Dropped when sent.Count > 0 => $"dropped {reason.Name()} + {sent[0].Port}",
        OutcomeKind.Dropped => $"dropped {reason.Name()}",
        OutcomeKind.Consumed => "consumed",
        OutcomeKind.Forwarded => $"forwarded {sent[0].Port}",
        OutcomeKind.Answered => $"answered {sent[0].Port}",
        _ => sent.Count > 0 ? $"held + {sent[0].Port}" : "held",
    };

    private static string WordsOf(HeldEnd end) => end.Kind == OutcomeKind.Dropped
        ? $"{end.Port} dropped {end.DropReason.Name()}"
        : $"{end.Port} {end.Kind.ToString().ToLowerInvariant()}";
}
