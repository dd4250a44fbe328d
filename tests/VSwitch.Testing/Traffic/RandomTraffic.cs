using VSwitch.ControlPlane.Config;

namespace VSwitch.Testing;

/// <summary>One frame of random traffic.</summary>
/// <param name="Port">Where it is sent.</param>
/// <param name="Frame">The frame without FCS.</param>
/// <param name="DeltaNs">Time since the frame before it, nanoseconds.</param>
public readonly record struct TrafficFrame(string Port, byte[] Frame, long DeltaNs);

/// <summary>An endless stream of frames for a configuration: scripted conversations, most of whose packets are hits of live
/// connections, mixed with everything that a switch must refuse. The same seed and the same observations give the same
/// stream.</summary>
/// <remarks>The caller tells by <see cref="Observe"/> what the switch sent for the last frame. A conversation whose packet
/// did not arrive mostly ends (rules refuse it); errors quote frames that did arrive.</remarks>
public sealed class RandomTraffic
{
    private const int ConcurrentConversations = 24;
    private const int RememberedFrames = 32;

    private readonly Random _random;
    private readonly List<TrafficConversation> _conversations = [];
    private readonly List<(string Port, byte[] Frame)> _observed = [];
    private readonly Queue<(string Port, byte[] Frame)> _pending = [];
    private TrafficPlan _plan;
    private TrafficNoise _noise;
    private TrafficFragments _fragments;
    private TrafficConversation? _speaking;
    private bool _isDelivered;
    private bool _lingers;
    private (string Port, byte[] Frame)? _last;

    /// <summary>Begins a stream.</summary>
    public RandomTraffic(SwitchConfig config, int seed)
    {
        _random = new Random(seed);
        _plan = new TrafficPlan(config, _random);
        _noise = new TrafficNoise(_plan, _random);
        _fragments = new TrafficFragments(_plan, _random);
    }

    /// <summary>Goes on with a new configuration; conversations that run keep running.</summary>
    public void Reconfigure(SwitchConfig config)
    {
        _plan = new TrafficPlan(config, _random);
        _noise = new TrafficNoise(_plan, _random);
        _fragments = new TrafficFragments(_plan, _random);
    }

    /// <summary>Tells the generator of a frame that the switch sent for the last one.</summary>
    public void Observe(string port, ReadOnlySpan<byte> frame)
    {
        _isDelivered |= _speaking?.ReceiverPort == port;
        if (_observed.Count == RememberedFrames)
        {
            _observed.RemoveAt(_random.Next(RememberedFrames));
        }

        _observed.Add((port, frame.ToArray()));
    }

    /// <summary>The next frame.</summary>
    public TrafficFrame Next()
    {
        Settle();
        (string port, byte[] frame) = _pending.Count > 0 ? _pending.Dequeue() : Choose();
        _last = (port, frame);
        return new TrafficFrame(port, frame, Delta());
    }

    /// <summary>Ends the conversation that was refused.</summary>
    private void Settle()
    {
        if (_speaking is { } conversation && !_isDelivered && _pending.Count == 0 && _random.Next(4) != 0)
        {
            _conversations.Remove(conversation);
        }

        _isDelivered = false;
        if (_pending.Count == 0)
        {
            _speaking = null;
        }
    }

    private (string Port, byte[] Frame) Choose()
    {
        int choice = _random.Next(100);
        if (choice < 3 && _observed.Count > 0)
        {
            return _noise.IcmpError(_observed[_random.Next(_observed.Count)]);
        }

        if (choice < 5 && _last is { } last)
        {
            return (last.Port, _noise.Mutate(last.Frame));
        }

        if (Burst() is { } burst)
        {
            return Enqueue(burst.Port, burst.Frames);
        }

        return choice < 17 ? _noise.Any()
            : Speak();
    }

    /// <summary>Now and then many frames of one kind.</summary>
    private (string Port, IReadOnlyList<byte[]> Frames)? Burst()
    {
        int choice = _random.Next(4000);

        // Fragments may be held for a while; a flood that paused would be none.
        _lingers = choice is >= 13 and < 50;
        return choice switch
        {
            < 3 => _plan.Flood(),
            < 5 => _plan.Storm(),
            < 13 => _plan.HalfOpen(),
            < 50 => _fragments.Datagram(),
            _ => null,
        };
    }

    private (string Port, byte[] Frame) Speak()
    {
        while (_conversations.Count < ConcurrentConversations)
        {
            _conversations.Add(_plan.Conversation());
        }

        TrafficConversation conversation = _conversations[_random.Next(_conversations.Count)];
        (string port, IReadOnlyList<byte[]> frames) = conversation.Next();
        if (conversation.IsOver)
        {
            _conversations.Remove(conversation);
        }

        _speaking = conversation;
        return Enqueue(port, frames);
    }

    /// <summary>Gives the first frame and keeps the others for the next calls.</summary>
    private (string Port, byte[] Frame) Enqueue(string port, IReadOnlyList<byte[]> frames)
    {
        foreach (byte[] frame in frames.Skip(1))
        {
            _pending.Enqueue((port, frame));
        }

        return (port, frames[0]);
    }

    private long Delta()
    {
        if (_pending.Count > 0)
        {
            return _lingers && _random.Next(60) == 0 ? _random.Next(1_200_000_000) : _random.Next(20_000);
        }

        if (_random.Next(1000) == 0)
        {
            TimeoutSettings timeouts = _plan.Config.Switch.Timeouts;
            TimeSpan[] all =
            [
                timeouts.TcpEstablished, timeouts.TcpTransient, timeouts.TcpClosing, timeouts.TcpReset, timeouts.Udp,
                timeouts.UdpStream, timeouts.Icmp, timeouts.Other, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5),
            ];
            return (long)all[_random.Next(all.Length)].TotalNanoseconds + ((_random.Next(3) - 1) * 1_000_000L);
        }

        return _random.Next(100) switch
        {
            < 30 => 0,
            < 97 => _random.Next(2_000_000),
            _ => _random.Next(300_000_000),
        };
    }
}
