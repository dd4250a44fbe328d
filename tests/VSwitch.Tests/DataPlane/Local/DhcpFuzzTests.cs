using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>Damaged and random DHCP messages: no exception, no byte written beyond the room, no byte read beyond the message,
/// and whatever is answered is well formed.</summary>
public sealed class DhcpFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Rounds = 20_000;
    private const int Room = 2048;
    private const int Guard = 64;
    private const byte Canary = 0xA5;
    private readonly GuestLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Damaged_messages_end_in_an_answer_or_a_named_reason()
    {
        var random = new Random(Seeded.Take("DHCP damage", output.WriteLine));
        var outcomes = new Dictionary<string, int>();
        for (int i = 0; i < Rounds; i++)
        {
            bool isV6 = random.Next(2) == 0;
            byte[] body = Damaged(random, isV6 ? Good6(random) : Good4(random));
            byte[] frame = isV6 ? Dhcp6Wire.Frame(GuestLab.One, body) : DhcpWire.Frame(GuestLab.One, body);
            string outcome = _lab.Send("one", frame, out IReadOnlyList<(string Port, byte[] Frame)> sent);
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            if (sent.Count > 0)
            {
                // Reading it asserts that lengths, checksums and options are whole.
                int options = isV6 ? Dhcp6Wire.Read(sent[0].Frame).Options.Count : DhcpWire.Read(sent[0].Frame).Options.Count;
                Assert.True(options >= 2);
                Assert.True(sent[0].Frame.Length <= 14 + 1400, "no larger than the port takes");
            }
        }

        Assert.Equal(0, _lab.Switch.MissingBuffers(2_000_000_000));
        Assert.Equal(["answered", "consumed", "malformed-l4", "spoofed-mac"], outcomes.Keys.Order(StringComparer.Ordinal));
        Assert.All(outcomes.Values, count => Assert.True(count > Rounds / 1000));
    }

    [Fact]
    public void Random_bytes_and_any_cut_are_survived()
    {
        var random = new Random(Seeded.Take("DHCP random bytes", output.WriteLine));
        for (int i = 0; i < Rounds / 3; i++)
        {
            byte[] body = new byte[random.Next(0, 600)];
            random.NextBytes(body);
            Assert.NotEqual("forwarded", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body)));
            Assert.NotEqual("forwarded", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body)));
        }

        foreach (byte[] good in new[] { DhcpWire.Frame(GuestLab.One, Good4(random)), Dhcp6Wire.Frame(GuestLab.One, Good6(random)) })
        {
            for (int length = 0; length < good.Length; length++)
            {
                string outcome = _lab.Send("one", good[..length]);
                Assert.StartsWith("malformed", outcome, StringComparison.Ordinal);
            }
        }

        Assert.Equal(0, _lab.Switch.MissingBuffers(2_000_000_000));
    }

    [Fact]
    public unsafe void Nothing_is_written_beyond_the_room_and_nothing_behind_the_message_matters()
    {
        var random = new Random(Seeded.Take("DHCP bounds", output.WriteLine));
        ForwardingSnapshot snapshot = _lab.Switch.Snapshot;
        int port = Array.IndexOf(snapshot.PortNames, "one");
        Eni* eni = snapshot.Enis + port;
        Subnet subnet = snapshot.Subnets[eni->Subnet];
        byte[] first = new byte[Room + Guard];
        byte[] second = new byte[Room + Guard];
        for (int i = 0; i < Rounds; i++)
        {
            bool isV6 = random.Next(2) == 0;
            byte[] body = random.Next(4) == 0 ? Random(random) : Damaged(random, isV6 ? Good6(random) : Good4(random));
            int room = random.Next(1294, Room);
            Array.Fill(first, Canary);
            Array.Fill(second, Canary);
            (DhcpVerdict one, int bytes) = Answer(isV6, body, 0x00, snapshot, eni, subnet, first, room);
            (DhcpVerdict other, int same) = Answer(isV6, body, 0xFF, snapshot, eni, subnet, second, room);
            Assert.Equal((one, bytes), (other, same));
            Assert.True(first.AsSpan(0, bytes).SequenceEqual(second.AsSpan(0, bytes)), "the same reply");
            Assert.True(bytes <= room && first.AsSpan(room).IndexOfAnyExcept(Canary) < 0, "within the room");
        }
    }

    /// <summary>Asks the responder itself, with bytes of one value behind the message.</summary>
    private static unsafe (DhcpVerdict Verdict, int Bytes) Answer(
        bool isV6, byte[] body, byte behind, ForwardingSnapshot snapshot, Eni* eni, Subnet subnet, byte[] reply, int room)
    {
        byte[] memory = [.. body, .. Enumerable.Repeat(behind, Guard)];
        ReadOnlySpan<byte> message = memory.AsSpan(0, body.Length);
        fixed (byte* frame = reply)
        {
            int bytes;
            DhcpVerdict verdict = isV6
                ? Dhcp6Responder.Answer(message, new RawIp6(0x80FE, 1), new Dhcp6Client
                {
                    Addresses = new ReadOnlySpan<RawIp6>(snapshot.Ip6Addresses + eni->Ip6First, eni->Ip6Count),
                    Mac = eni->Mac,
                    MtuBytes = eni->MtuBytes,
                    Parameters = subnet.Dhcp,
                    Router = new RawIp6(0x80FE, snapshot.GatewayLinkLocalLow),
                    RouterMac = snapshot.GatewayMac,
                }, frame, room, out bytes)
                : DhcpResponder.Answer(message, 0, new DhcpClient
                {
                    Eni = eni,
                    Parameters = subnet.Dhcp,
                    Router = subnet.Router4,
                    RouterMac = snapshot.GatewayMac,
                    HostName = "vm-one"u8,
                }, frame, room, out bytes);
            return (verdict, bytes);
        }
    }

    private static byte[] Good4(Random random) => DhcpWire.Body(
        (byte)random.Next(0, 10), GuestLab.One, (ushort)(random.Next(2) << 15), Pick(random, "0.0.0.0", "10.0.1.10", "10.0.1.99"),
        Pick(random, "0.0.0.0", "10.0.1.11"),
        [
            DhcpWire.Option(50, Pick(random, "10.0.1.10", "10.0.1.11")), DhcpWire.Option(55, 1, 3, 6, 12, 15, 26, 42),
            DhcpWire.Option(61, new byte[random.Next(1, 256)]), DhcpWire.Option(57, (byte)random.Next(8), (byte)random.Next(256)),
            DhcpWire.Option(52, (byte)random.Next(1, 4)),
        ]);

    private static byte[] Good6(Random random)
    {
        byte type = (byte)random.Next(0, 14);
        bool toUs = type is 3 or 5 or 8 or 9;
        return Dhcp6Wire.Body(
            type,
            [
                Dhcp6Wire.Option(1, new byte[random.Next(3, 131)]), .. toUs ? new[] { Dhcp6Wire.Option(2, GuestLab.ServerDuid) } : [],
                Dhcp6Wire.Option(6, 0, 23, 0, 24, 0, 32, 0, 56),
                .. Enumerable.Range(0, random.Next(0, 80)).Select(i => Dhcp6Wire.Ia(
                    (byte)i, random.Next(3) == 0 ? ["fd00:a:0:1::99", "fd00:a:0:1::10"] : [], random.Next(4) == 0 ? 25 : 3)),
            ]);
    }

    private static byte[] Damaged(Random random, byte[] good)
    {
        byte[] body = [.. good];
        for (int flips = random.Next(0, 4); flips > 0; flips--)
        {
            body[random.Next(body.Length)] = (byte)random.Next(256);
        }

        return random.Next(8) == 0 ? body[..random.Next(body.Length)] : body;
    }

    private static byte[] Random(Random random)
    {
        byte[] body = new byte[random.Next(0, 600)];
        random.NextBytes(body);
        return body;
    }

    private static string Pick(Random random, params string[] words) => words[random.Next(words.Length)];
}
