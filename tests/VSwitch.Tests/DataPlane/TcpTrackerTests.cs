using VSwitch.DataPlane.Flows;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>Every row of Linux's state table; the two documented differences are named in the test.</summary>
public class TcpTrackerTests
{
    public static TheoryData<string, string, string, string> Rows()
    {
        var rows = new TheoryData<string, string, string, string>();
        foreach (string line in File.ReadLines(RepositoryRoot.Vector("linux_nf_conntrack_tcp.tsv")).Skip(1))
        {
            string[] r = line.Split('\t');
            rows.Add(r[0], r[1], r[2], r[3]);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row(string direction, string packet, string state, string next)
    {
        byte flags = packet switch { "syn" => 0x02, "synack" => 0x12, "fin" => 0x11, "ack" => 0x10, "rst" => 0x04, _ => 0 };
        if (state == "NONE")
        {
            // A connection is opened by MayOpen; strict (semantics.md decision 4) where Linux picks an ACK up in mid-stream.
            bool mayOpen = direction == "original" && TcpTracker.MayOpen(flags);
            Assert.Equal(packet == "syn" && direction == "original", mayOpen);
            return;
        }

        TcpVerdict verdict = TcpTracker.Look(StateOf(state), flags, direction == "reply", out FlowState seen);
        switch (next)
        {
            case "INVALID":
                Assert.Equal(TcpVerdict.Invalid, verdict);
                break;
            case "IGNORE":
                Assert.Equal(TcpVerdict.Ignore, verdict);
                break;
            default:
                Assert.Equal((TcpVerdict.Accept, StateOf(next)), (verdict, seen));
                break;
        }
    }

    [Fact]
    public void Bad_flags_are_invalid_in_every_state()
    {
        foreach (byte flags in (ReadOnlySpan<byte>)[0x00, 0x01, 0x03, 0x06, 0x07, 0x08, 0x09, 0x20, 0x29, 0x3F, 0x0B])
        {
            Assert.False(TcpTracker.AreFlagsValid(flags), $"{flags:x2}");
            Assert.Equal(TcpVerdict.Invalid, TcpTracker.Look(FlowState.TcpEstablished, flags, false, out _));
        }
    }

    private static FlowState StateOf(string name) => name switch
    {
        "SYN_SENT" => FlowState.TcpSynSent,
        "SYN_RECV" => FlowState.TcpSynRecv,
        "ESTABLISHED" => FlowState.TcpEstablished,
        "FIN_WAIT" => FlowState.TcpFinWait,
        "CLOSE_WAIT" => FlowState.TcpCloseWait,
        "LAST_ACK" => FlowState.TcpLastAck,
        "TIME_WAIT" => FlowState.TcpTimeWait,
        "CLOSE" => FlowState.TcpClose,
        _ => FlowState.TcpSynSent2,
    };
}
