using VSwitch.DataPlane.Flows;
using Xunit;
using static VSwitch.DataPlane.Flows.TcpVerdict;

namespace VSwitch.Tests.DataPlane;

/// <summary>Numbers against windows: order of checks, section 11; the rows of vectors/linux_nf_conntrack_notes.tsv by name.</summary>
public class TcpWindowTests
{
    [Theory]
    [InlineData(0u, 0u, 0)]
    [InlineData(uint.MaxValue - 3, uint.MaxValue - 500, 1)]
    [InlineData(0x7FFF_FFF0u, 0x8000_0000u, 0)]
    public void A_whole_life_passes_across_the_wrap(uint client, uint server, int opener)
    {
        TcpConversation talk = TcpConversation.Established(client, server, opener: opener);
        uint c = client + 1;
        uint s = server + 1;
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(Accept, talk.C("PA", c, s, 1000));
            c += 1000;
            Assert.Equal(Accept, talk.S("A", s, c, 1460));
            s += 1460;
        }

        Assert.Equal(Accept, talk.C("FA", c, s));
        Assert.Equal(FlowState.TcpFinWait, talk.State);
        Assert.Equal(Accept, talk.S("A", s, c + 1));
        Assert.Equal(FlowState.TcpCloseWait, talk.State);
        Assert.Equal(Accept, talk.S("FA", s, c + 1));
        Assert.Equal(FlowState.TcpLastAck, talk.State);
        Assert.Equal(Accept, talk.C("A", c + 1, s + 1));
        Assert.Equal(FlowState.TcpTimeWait, talk.State);
        Assert.Equal(Reopen, talk.C("S", c + 100_000));
    }

    [Fact]
    public void Window_I_data_beyond_what_the_receiver_offers_is_invalid()
    {
        TcpConversation talk = TcpConversation.Established(window: 1000);
        Assert.Equal(Accept, talk.C("PA", 1, 1, 1000));
        Assert.Equal(Accept, talk.C("PA", 1001, 1, 10));

        // A little beyond passes, for the receiver may take it; far beyond does not.
        Assert.Equal(Ignore, talk.C("PA", 1012, 1, 10));
        Assert.Equal(Accept, talk.S("A", 1, 1022, 0, 1000));
        Assert.Equal(Invalid, talk.C("PA", 4000, 1, 21));
        Assert.Equal(Invalid, talk.C("PA", 200_000, 1, 10));
    }

    [Fact]
    public void Window_II_acknowledged_data_again_passes_and_an_old_FIN_moves_nothing()
    {
        TcpConversation talk = TcpConversation.Established();
        for (uint i = 0; i < 46; i++)
        {
            Assert.Equal(Accept, talk.C("A", 1 + (i * 1460), 1, 1460, 257));
            Assert.Equal(Accept, talk.S("A", 1, 1 + ((i + 1) * 1460)));
        }

        // blackbox BB23 (Linux conntrack_ack_loss_stall).
        Assert.Equal(Ignore, talk.C("A", 1, 1, 1460, 257));
        Assert.Equal(Accept, talk.S("A", 1, 67161));

        // An old FIN does not close.
        Assert.Equal(Ignore, talk.C("FA", 1, 1, 10));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void Window_III_an_acknowledgment_of_what_was_never_sent_is_invalid()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Accept, talk.C("PA", 1, 1, 100));
        Assert.Equal(Invalid, talk.S("A", 1, 102));
        Assert.Equal(Accept, talk.S("A", 1, 101));
    }

    [Fact]
    public void Window_IV_an_acknowledgment_long_passed_moves_nothing()
    {
        TcpConversation talk = TcpConversation.Established();
        uint c = 1;
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(Accept, talk.C("A", c, 1, 1460));
            c += 1460;
            Assert.Equal(Accept, talk.S("A", 1, c));
        }

        Assert.Equal(Ignore, talk.S("FA", 1, c - 66_001));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.S("FA", 1, c - 66_000));
        Assert.Equal(FlowState.TcpFinWait, talk.State);
    }

    [Theory]
    [InlineData(7, 7, 100u << 7, true)]
    [InlineData(7, 7, (100u << 7) + 1, false)]
    [InlineData(200, 14, 100u << 14, true)]
    [InlineData(200, 14, (100u << 14) + 1, false)]
    public void Windows_are_scaled_with_at_most_14(byte offered, int used, uint ahead, bool isInside)
    {
        Assert.InRange(used, 0, 14);
        TcpConversation talk = TcpConversation.Established(window: 1000, options: TcpConversation.Scale(offered));
        Assert.Equal(Accept, talk.S("A", 1, 1, 0, 100));
        Assert.Equal(isInside ? Accept : Ignore, talk.C("A", 1 + ahead, 1, 0));
        Assert.Equal(Invalid, talk.C("A", 1 + ahead + (100u << used), 1, 1));
    }

    [Fact]
    public void Windows_are_not_scaled_when_one_side_did_not_offer_it()
    {
        var talk = new TcpConversation();
        talk.Open("S", 0, 0, 1000, 0, TcpConversation.Scale(7));
        Assert.Equal(Accept, talk.S("SA", 0, 1, 0, 1000));
        Assert.Equal(Accept, talk.C("A", 1, 1, 0, 1000));
        Assert.Equal(Accept, talk.S("A", 1, 1, 0, 1000));
        Assert.Equal(Invalid, talk.C("A", 2002, 1, 1));
        Assert.Equal(Accept, talk.C("A", 1001, 1, 1));
    }

    [Fact]
    public void A_blind_segment_with_an_old_acknowledgment_brings_in_no_number_for_a_reset()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Accept, talk.C("A", 1, 1, 100));
        Assert.Equal(Accept, talk.S("A", 1, 101, 100));
        Assert.Equal(Ignore, talk.S("A", 5000, unchecked(101u - 70_000u), 10));
        Assert.Equal(Ignore, talk.S("R", 5010));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void A_zero_window_lets_one_byte_through()
    {
        TcpConversation talk = TcpConversation.Established(window: 100);
        Assert.Equal(Accept, talk.C("A", 1, 1, 100, 100));
        Assert.Equal(Accept, talk.S("A", 1, 101, 0, 0));
        Assert.Equal(Accept, talk.C("A", 101, 1, 1, 100));
        Assert.Equal(Invalid, talk.C("A", 203, 1, 1, 100));
    }

    [Fact]
    public void Sack_moves_what_is_acknowledged_only_where_it_was_permitted()
    {
        TcpConversation talk = TcpConversation.Established(options: TcpConversation.SackPermitted);
        Assert.Equal(Accept, talk.C("A", 1, 1, 1000));
        Assert.Equal(Accept, talk.C("A", 1001, 1, 1000));
        Assert.Equal(Accept, talk.S("A", 1, 1, 0, 65535, TcpConversation.Sack(1001, 2001)));
        Assert.Equal(Invalid, talk.S("A", 1, 1, 0, 65535, TcpConversation.Sack(1001, 2002)));

        // Blocks are whole (RFC 2018 section 3): an option of a block and a half says nothing, as to Linux.
        byte[] broken = [.. TcpConversation.Sack(1001, 2002), 0, 0, 0, 0];
        broken[3] = 14;
        Assert.Equal(Accept, talk.S("A", 1, 1, 0, 65535, broken));

        TcpConversation without = TcpConversation.Established();
        Assert.Equal(Accept, without.C("A", 1, 1, 1000));
        Assert.Equal(Accept, without.S("A", 1, 1, 0, 65535, TcpConversation.Sack(1001, 5000)));
    }

    [Fact]
    public void Forged_resets_close_nothing_and_the_exact_one_does()
    {
        // blackbox BB19 (Linux conntrack_rst_invalid, RFC 5961 section 3).
        TcpConversation talk = TcpConversation.Established();
        for (uint i = 0; i < 3; i++)
        {
            Assert.Equal(Accept, talk.S("A", 1 + (i * 1000), 1, 1000));
            Assert.Equal(Accept, talk.C("A", 1, 1001 + (i * 1000)));
        }

        Assert.Equal(Invalid, talk.S("R", 0));
        Assert.Equal(Invalid, talk.S("R", 1_000_000));
        Assert.Equal(Invalid, talk.S("R", 42));
        Assert.Equal(Invalid, talk.S("RA", 3000, 1));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.C("A", 1, 3001, 10));
        Assert.Equal(Accept, talk.S("A", 3001, 11, 0));
        Assert.Equal(Accept, talk.S("RA", 3001, 11));
        Assert.Equal(FlowState.TcpClose, talk.State);
        Assert.Equal(Reopen, talk.C("S", 900_000));
    }

    [Fact]
    public void An_inexact_reset_inside_the_window_passes_and_the_challenge_ack_decides()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Ignore, talk.S("R", 500));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.C("A", 1, 1));
        Assert.Equal(Accept, talk.S("R", 1));
        Assert.Equal(FlowState.TcpClose, talk.State);
    }

    [Fact]
    public void A_reset_behind_data_that_is_not_acknowledged_yet_is_exact()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Accept, talk.S("PA", 1, 1, 19));
        Assert.Equal(Accept, talk.S("R", 20));
        Assert.Equal(FlowState.TcpClose, talk.State);
    }

    [Fact]
    public void After_a_fin_an_inexact_reset_closes()
    {
        // Linux conntrack_inexact_rst.
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Accept, talk.C("FA", 1, 1));
        Assert.Equal(Accept, talk.S("R", 100));
        Assert.Equal(FlowState.TcpClose, talk.State);
    }

    [Fact]
    public void A_syn_on_a_live_connection_passes_and_the_ends_settle_it()
    {
        // Linux conntrack_synack_reuse: challenge ACK, RST by it, then a new SYN begins anew.
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Ignore, talk.C("S", 500_000));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.S("A", 1, 1));
        Assert.Equal(Accept, talk.C("R", 1));
        Assert.Equal(FlowState.TcpClose, talk.State);
        Assert.Equal(Reopen, talk.C("S", 500_000));
    }

    [Fact]
    public void A_responder_that_lost_the_connection_takes_the_new_syn()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Ignore, talk.C("S", 500_000, 0, 0, 2000));
        Assert.Equal(Ignore, talk.S("SA", 9000, 77));
        Assert.Equal(Accept, talk.S("SA", 9000, 500_001));
        Assert.Equal(FlowState.TcpSynRecv, talk.State);
        Assert.Equal(Accept, talk.C("A", 500_001, 9001));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.C("PA", 500_001, 9001, 1000));
        Assert.Equal(Invalid, talk.C("PA", 1, 1_000_000, 1000));
    }

    [Fact]
    public void A_responder_that_lost_the_connection_and_refuses_the_new_syn_closes()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Ignore, talk.C("S", 500_000));
        Assert.Equal(Accept, talk.S("RA", 0, 500_001));
        Assert.Equal(FlowState.TcpClose, talk.State);
    }

    [Fact]
    public void An_old_syn_ack_is_invalid_and_the_right_one_is_taken()
    {
        // Linux conntrack_synack_old.
        var talk = new TcpConversation();
        talk.Open("S", 1000);
        Assert.Equal(Invalid, talk.S("SA", 5, 900));
        Assert.Equal(Invalid, talk.S("SA", 5, 1000));
        Assert.Equal(Invalid, talk.S("SA", 5, 1002));
        Assert.Equal(FlowState.TcpSynSent, talk.State);
        Assert.Equal(Accept, talk.S("SA", 77, 1001));
        Assert.Equal(Accept, talk.C("A", 1001, 78));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void A_challenge_ack_to_a_reused_tuple_passes_and_the_next_handshake_establishes()
    {
        // Linux conntrack_syn_challenge_ack.
        var talk = new TcpConversation();
        talk.Open("S", 1000);
        Assert.Equal(Ignore, talk.S("A", 8_000_000, 4_000_000));
        Assert.Equal(Ignore, talk.C("R", 4_000_000));
        Assert.Equal(FlowState.TcpSynSent, talk.State);
        Assert.Equal(Ignore, talk.C("S", 1000));
        Assert.Equal(Accept, talk.S("SA", 5, 1001));
        Assert.Equal(Accept, talk.C("A", 1001, 6));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void A_challenge_ack_in_last_ack_does_not_end_the_connection()
    {
        TcpConversation talk = TcpConversation.Established();
        Assert.Equal(Accept, talk.C("FA", 1, 1));
        Assert.Equal(Accept, talk.S("FA", 1, 2));
        Assert.Equal(FlowState.TcpLastAck, talk.State);
        Assert.Equal(Ignore, talk.C("S", 700_000));
        Assert.Equal(Ignore, talk.S("A", 2, 2));
        Assert.Equal(FlowState.TcpLastAck, talk.State);
    }

    [Fact]
    public void A_port_used_again_while_half_open_follows_the_answer()
    {
        var talk = new TcpConversation();
        talk.Open("S", 90_000);
        Assert.Equal(Ignore, talk.C("S", 100));
        Assert.Equal(Accept, talk.S("SA", 5, 101));
        Assert.Equal(Accept, talk.C("A", 101, 6));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void A_simultaneous_open_establishes()
    {
        // blackbox BB24, RFC 9293 figure 8.
        var talk = new TcpConversation();
        talk.Open("S", 100);
        Assert.Equal(Accept, talk.S("S", 900));
        Assert.Equal(FlowState.TcpSynSent2, talk.State);
        Assert.Equal(Accept, talk.C("SA", 100, 901));
        Assert.Equal(FlowState.TcpSynRecv, talk.State);
        Assert.Equal(Ignore, talk.S("SA", 900, 101));
        Assert.Equal(Accept, talk.S("A", 901, 101, 10));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.C("A", 101, 911, 10));
    }

    [Theory]
    [InlineData(1001u, Refused)]
    [InlineData(1000u, Invalid)]
    [InlineData(5u, Invalid)]
    public void The_opener_takes_its_syn_back_only_by_the_exact_reset(uint sequence, TcpVerdict expected)
    {
        var talk = new TcpConversation();
        talk.Open("S", 1000);
        Assert.Equal(expected, talk.C("R", sequence));
    }

    [Fact]
    public void After_a_simultaneous_open_a_forged_reset_does_not_close()
    {
        var talk = new TcpConversation();
        talk.Open("S", 100);
        Assert.Equal(Accept, talk.S("S", 900));
        Assert.Equal(Accept, talk.C("SA", 100, 901));
        Assert.Equal(Accept, talk.S("A", 901, 101));
        Assert.Equal(Accept, talk.C("A", 101, 901, 10));
        Assert.Equal(Ignore, talk.C("R", 400));
        Assert.Equal(FlowState.TcpEstablished, talk.State);
    }

    [Fact]
    public void A_reset_as_the_only_answer_must_acknowledge_the_syn()
    {
        var talk = new TcpConversation();
        talk.Open("S", 1000);
        Assert.Equal(Invalid, talk.S("R", 0));
        Assert.Equal(Invalid, talk.S("RA", 0, 0));
        Assert.Equal(Invalid, talk.S("RA", 0, 1002));
        Assert.Equal(Invalid, talk.S("FA", 0, 1001));
        Assert.Equal(FlowState.TcpSynSent, talk.State);
        Assert.Equal(Refused, talk.S("RA", 0, 1001));
    }

    [Fact]
    public void Data_in_the_syn_counts_and_may_be_acknowledged_in_part()
    {
        // RFC 7413: the responder takes the SYN alone, or the data too.
        foreach (uint ack in (uint[])[1001, 1101])
        {
            var talk = new TcpConversation();
            talk.Open("S", 1000, data: 100);
            Assert.Equal(Accept, talk.S("SA", 5, ack));
            Assert.Equal(Accept, talk.C("A", ack, 6, 200));
            Assert.Equal(FlowState.TcpEstablished, talk.State);
        }
    }

    [Fact]
    public void Without_the_openers_ack_it_never_establishes()
    {
        // semantics.md section 2.2: SYN, SYN+ACK, SYN, SYN+ACK ... stays half open.
        var talk = new TcpConversation();
        talk.Open("S", 1000);
        for (int i = 0; i < 5; i++)
        {
            Assert.InRange(talk.S("SA", 5, 1001), Accept, Ignore);
            Assert.Equal(FlowState.TcpSynRecv, talk.State);
            Assert.Equal(Ignore, talk.C("S", 1000));
            Assert.Equal(FlowState.TcpSynRecv, talk.State);
        }

        Assert.InRange(talk.S("A", 6, 1001), Accept, Ignore);
        Assert.Equal(FlowState.TcpSynRecv, talk.State);
    }

    [Fact]
    public void A_connection_picked_up_in_mid_stream_is_not_judged_by_windows_but_for_its_resets()
    {
        var talk = new TcpConversation();
        talk.Open("A", 50_000, 70_000, 100, 500);
        Assert.Equal(FlowState.TcpEstablished, talk.State);
        Assert.Equal(Accept, talk.S("A", 70_000, 50_500, 1000, 100));
        Assert.Equal(Accept, talk.C("A", 55_000, 71_000, 1000, 100));
        Assert.Equal(Invalid, talk.S("R", 10));
        Assert.Equal(Accept, talk.S("R", 71_000));
        Assert.Equal(FlowState.TcpClose, talk.State);
    }
}
