using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>Whose a connection is: the low seven bits of Microsoft's hash over the sorted inside tuple, through an indirection table
/// that gives worker i mod n.</summary>
public sealed class SteeringTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    public void The_owner_is_what_the_hash_says(int workers)
    {
        var random = new Random(Seeded.Take("steering"));
        var toeplitz = new Toeplitz(Toeplitz.MicrosoftKey());
        using var exchange = new BufferExchange(workers, 64);
        var steering = new Steering(1, workers, toeplitz, [], [], exchange);
        for (int i = 0; i < 1000; i++)
        {
            uint a = (uint)random.NextInt64();
            uint b = (uint)random.NextInt64();
            ulong ports = (uint)random.NextInt64();
            uint hash = toeplitz.HashIp4(a, b, (ushort)ports, (ushort)(ports >> 16));
            int owner = (int)(hash % 128) % workers;
            ulong space = (ulong)random.NextInt64() << 32;
            Assert.Equal(owner, steering.OwnerOf(a | ((ulong)b << 32), ports | space));
            Assert.Equal(owner == 1, steering.Owns(a | ((ulong)b << 32), ports | space));

            var lower = new RawIp6((ulong)random.NextInt64(), (ulong)random.NextInt64());
            var higher = new RawIp6((ulong)random.NextInt64(), (ulong)random.NextInt64());
            uint hash6 = toeplitz.HashIp6(lower.First, lower.Second, higher.First, higher.Second, (ushort)ports, (ushort)(ports >> 16));
            Assert.Equal((int)(hash6 % 128) % workers, steering.OwnerOf(lower, higher, ports | space));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_reversed_hash_is_the_hash_reversed(bool multiplies)
    {
        var random = new Random(Seeded.Take("reversed hash"));
        var toeplitz = new Toeplitz(Toeplitz.SymmetricKey(), multiplies);
        for (int i = 0; i < 1000; i++)
        {
            uint a = (uint)random.NextInt64();
            uint b = (uint)random.NextInt64();
            uint ports = (uint)random.NextInt64();
            uint hash = toeplitz.HashIp4(a, b, (ushort)ports, (ushort)(ports >> 16));
            uint reversed = toeplitz.ReversedHashIp4(a, b, ports);
            Assert.Equal(Convert.ToString(hash, 2).PadLeft(32, '0'), new string([.. Convert.ToString(reversed, 2).PadLeft(32, '0').Reverse()]));
        }
    }
}
