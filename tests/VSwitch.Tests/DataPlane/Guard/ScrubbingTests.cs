using System.Buffers.Binary;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;

namespace VSwitch.Tests.DataPlane.Guard;

/// <summary>Scrubbing (order of checks, section 18) packet by packet, on virtual time.</summary>
public class ScrubbingTests
{
    private const long Ms = 1_000_000;

    [Fact]
    public void A_SYN_over_the_threshold_is_challenged_and_makes_no_state()
    {
        using var bed = new ScrubbingBed();
        for (int i = 0; i < ScrubbingBed.Syns; i++)
        {
            Assert.Equal(OutcomeKind.Forwarded, bed.Syn(ScrubbingBed.Spoofed(i)).Kind);
        }

        int connections = bed.Switch.ConnectionCount;
        ReferenceOutcome over = bed.Syn("203.0.113.9", sequence: 77);
        Assert.Equal(DropReason.ScrubbingSyn, over.DropReason);
        Assert.Equal(connections, bed.Switch.ConnectionCount);
        (string port, byte[] challenge) = Assert.Single(over.Sent);
        Assert.Equal("internet", port);
        PacketAssert.That(
            challenge, PacketAssert.Macs(Testing.RowWords.Inet, TestTopologies.GatewayNeighbor),
            PacketAssert.Addresses(TestTopologies.Ip("198.51.100.10"), TestTopologies.Ip("203.0.113.9")));
        Assert.Equal(0x12, challenge[47]);
        Assert.NotEqual(78u, BinaryPrimitives.ReadUInt32BigEndian(challenge.AsSpan(42)));
        Assert.Equal((80, 4000), (BinaryPrimitives.ReadUInt16BigEndian(challenge.AsSpan(34)), BinaryPrimitives.ReadUInt16BigEndian(challenge.AsSpan(36))));
        Assert.True(bed.Reading is { IsScrubbing: true, Episodes: 1, Trigger: ScrubbingTrigger.Syns, Challenges: 1, ScrubbedPackets: 1 });
    }

    [Fact]
    public void Who_resets_the_challenge_gets_in_with_the_SYN_that_follows()
    {
        using var bed = ScrubbingBed.Attacked();
        byte[] challenge = Assert.Single(bed.Syn("203.0.113.9").Sent).Frame;
        Assert.Equal(OutcomeKind.Consumed, bed.Reset("203.0.113.9", challenge).Kind);
        ReferenceOutcome again = bed.Syn("203.0.113.9");
        Assert.Equal(OutcomeKind.Forwarded, again.Kind);
        Assert.Equal("web", Assert.Single(again.Sent).Port);

        // From another port, too, and to the other ports that rules allow; another address is not proven.
        Assert.Equal(OutcomeKind.Forwarded, bed.Syn("203.0.113.9", from: 4001, to: 443).Kind);
        Assert.Equal(DropReason.ScrubbingSyn, bed.Syn("203.0.113.10").DropReason);
        Assert.Equal(1, bed.Reading.Proofs);
    }

    [Theory]
    [InlineData("another number")]
    [InlineData("another port")]
    [InlineData("another address")]
    [InlineData("too late")]
    public void A_reset_that_is_no_answer_proves_nothing(string what)
    {
        using var bed = ScrubbingBed.Attacked();
        byte[] challenge = Assert.Single(bed.Syn("203.0.113.9").Sent).Frame;
        bed.NowNs += what == "too late" ? 17_000 * Ms : 0;
        ReferenceOutcome reset = what switch
        {
            "another number" => bed.Reset("203.0.113.9", challenge, shift: 1),
            "another port" => bed.Reset("203.0.113.9", challenge, from: 4001),
            "another address" => bed.Reset("203.0.113.8", challenge),
            _ => bed.Reset("203.0.113.9", challenge),
        };
        Assert.NotEqual(OutcomeKind.Consumed, reset.Kind);
        Assert.Equal(0, bed.Reading.Proofs);
    }

    [Fact]
    public void A_proof_is_good_for_five_minutes()
    {
        using var bed = ScrubbingBed.Attacked();
        bed.Reset("203.0.113.9", Assert.Single(bed.Syn("203.0.113.9").Sent).Frame);
        bed.NowNs += (ProvenSources.GoodForSeconds - 1) * 1000 * Ms;
        bed.Attack(2 * ScrubbingBed.Syns);
        Assert.Equal(OutcomeKind.Forwarded, bed.Syn("203.0.113.9", from: 5000).Kind);
        bed.NowNs += 1001 * Ms;
        bed.Attack(2 * ScrubbingBed.Syns);
        Assert.Equal(DropReason.ScrubbingSyn, bed.Syn("203.0.113.9", from: 5001).DropReason);
    }

    [Fact]
    public void Known_connections_go_on()
    {
        using var bed = new ScrubbingBed();
        bed.Establish("203.0.113.9", 4000);
        bed.Attack(10 * ScrubbingBed.Syns);
        Assert.True(bed.Reading.IsScrubbing);
        for (uint i = 0; i < 100; i++)
        {
            bed.NowNs += Ms;
            Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.9", 4000, fromInside: false).Kind);
            Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.9", 4000, fromInside: true).Kind);
        }
    }

    [Fact]
    public void It_ends_by_itself_once_it_was_calm_for_long_enough()
    {
        using var bed = ScrubbingBed.Attacked();
        for (int i = 0; i < 20; i++)
        {
            bed.Attack(2 * ScrubbingBed.Syns);
            bed.NowNs += 500 * Ms;
        }

        Assert.True(bed.Reading is { IsScrubbing: true, Episodes: 1 });
        long calmSinceNs = bed.NowNs;
        while (bed.Reading.IsScrubbing)
        {
            bed.NowNs += 250 * Ms;
            bed.Talk("203.0.113.77", 1, fromInside: false);
        }

        Assert.InRange(bed.NowNs - calmSinceNs, 2000 * Ms, 4000 * Ms);
        Assert.Equal(OutcomeKind.Forwarded, bed.Syn("203.0.113.10").Kind);
    }

    [Fact]
    public void Nine_tenths_of_a_threshold_do_not_end_it()
    {
        using var bed = ScrubbingBed.Attacked();
        for (int i = 0; i < 10 * 90; i++)
        {
            bed.Syn(ScrubbingBed.Spoofed(i));
            bed.NowNs += 1_000_000_000 / 90;
        }

        Assert.True(bed.Reading is { IsScrubbing: true, Episodes: 1 });
    }

    [Fact]
    public void Other_new_flows_are_let_in_at_a_rate_by_EIP_and_by_prefix()
    {
        using var bed = ScrubbingBed.Attacked();
        int passed = 0;
        for (int i = 0; i < 2000; i++)
        {
            bed.NowNs += Ms;
            ReferenceOutcome outcome = bed.Udp($"203.0.113.{1 + (i % 200)}", (ushort)i);
            passed += outcome.Kind == OutcomeKind.Forwarded ? 1 : 0;
            Assert.True(outcome.Kind == OutcomeKind.Forwarded || outcome.DropReason == DropReason.ScrubbingRate, outcome.ToString());
        }

        // A tenth of 500 a second for two seconds, and the bucket that was full.
        Assert.InRange(passed, 99, 106);
        Assert.Equal(OutcomeKind.Forwarded, bed.Udp("192.0.2.1", 9).Kind);
        Assert.Equal(OutcomeKind.Forwarded, bed.Echo("192.0.2.1").Kind);
    }

    [Fact]
    public void Bits_and_packets_are_read_off_the_meters()
    {
        using var bed = new ScrubbingBed(p => p with { SynsPerSecond = null, NewConnectionsPerSecond = null, PacketsPerSecond = 1000 });
        for (int i = 0; i < 1000; i++)
        {
            bed.NowNs += Ms;
            bed.Udp("203.0.113.9", 1);
        }

        Assert.False(bed.Reading.IsScrubbing);
        long beganNs = 0;
        for (int i = 0; i < 2000 && beganNs == 0; i++)
        {
            bed.NowNs += Ms / 4;
            bed.Udp("203.0.113.9", 1);
            beganNs = bed.Reading.IsScrubbing ? i * Ms / 4 : 0;
        }

        Assert.InRange(beganNs, 1, (250 + Scrubber.LookEveryMs + 1) * Ms);
        Assert.Equal(ScrubbingTrigger.Packets, bed.Reading.Trigger);
    }

    [Fact]
    public void Without_protection_it_is_over_at_once()
    {
        using var bed = ScrubbingBed.Attacked();
        bed.Switch.Reconfigure(ScrubbingBed.Unprotected);
        Assert.Equal(OutcomeKind.Forwarded, bed.Syn("203.0.113.10").Kind);
        Assert.False(bed.Reading.IsScrubbing);
    }

    [Fact]
    public void What_rules_deny_is_neither_counted_nor_challenged()
    {
        using var bed = new ScrubbingBed();
        for (int i = 0; i < 10 * ScrubbingBed.Syns; i++)
        {
            ReferenceOutcome outcome = bed.Syn(ScrubbingBed.Spoofed(i), to: 22);
            Assert.Equal((DropReason.SecurityGroupIngress, 0), (outcome.DropReason, outcome.Sent.Count));
        }

        Assert.False(bed.Reading.IsScrubbing);
    }

    [Fact]
    public void A_damaged_SYN_gets_no_challenge()
    {
        using var bed = ScrubbingBed.Attacked();
        byte[] syn = Frames.Tcp(Testing.RowWords.Outside("203.0.113.9", "198.51.100.10"), 4000, 80, TcpBits.Syn);
        syn[50] ^= 1;
        ReferenceOutcome outcome = bed.Receive("internet", syn);
        Assert.Equal((DropReason.MalformedL4, 0), (outcome.DropReason, outcome.Sent.Count));
    }

    /// <summary>Vectors of the authors' reference code for the key 00 01 .. 0f and the text 00 01 .. 0f.</summary>
    [Fact]
    public void SipHash_is_the_one_that_was_published() => Assert.Equal(
        0x3F2A_CC7F_57C2_9BDBUL, SipHash.Of(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908, (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)));

    [Fact]
    public void Proven_sources_are_bounded_and_the_newest_stay()
    {
        using var proven = new ProvenSources((1, 2));
        const int Many = 4 * ProvenSources.Capacity;
        for (uint i = 1; i <= Many; i++)
        {
            proven.Add(i, i * 1_000_000L);
        }

        int known = Enumerable.Range(1, Many).Count(i => proven.Contains((uint)i, 1));
        Assert.InRange(known, ProvenSources.Capacity / 2, ProvenSources.Capacity);
        Assert.True(proven.Contains(Many, 1));
    }
}
