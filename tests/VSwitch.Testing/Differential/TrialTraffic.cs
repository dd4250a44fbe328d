using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>Frames of many conversations at a time, at random, for a trial of two routers with the same rules.</summary>
public sealed class TrialTraffic
{
    /// <summary>Protocols without ports.</summary>
    internal static readonly byte[] RareProtocols = [47, 50, 89, 41, 253];

    private const int LiveCount = 32;
    private readonly Random _random;
    private readonly SwitchConfig _config;
    private readonly List<TrialConversation> _live = [];
    private readonly List<TrialConversation> _past = [];
    private readonly Dictionary<string, TrialConversation> _byAddresses = [];
    private uint _number;
    private ushort _clientPort = 20000;

    public TrialTraffic(SwitchConfig config, Random random)
    {
        (_config, _random) = (config, random);
        while (_live.Count < LiveCount)
        {
            _live.Add(Begin());
        }
    }

    /// <summary>The next frame of some conversation.</summary>
    public TrialFrame Next()
    {
        int i = _random.Next(_live.Count);
        TrialConversation conversation = _live[i];
        TrialFrame frame = conversation.Next(++_number);
        if (conversation.IsOver || conversation.PartedBy is not null || IsRefused(conversation))
        {
            if (conversation is not ErrorTrial)
            {
                _past.Add(conversation);
            }

            _live[i] = Begin();
        }

        return frame;
    }

    /// <summary>What no rule lets begin is not worth many frames.</summary>
    private static bool IsRefused(TrialConversation conversation) =>
        conversation.History.Count >= 4 && !conversation.History.Any(step => step.KernelPasses || step.SwitchPasses);

    private TrialConversation Begin()
    {
        bool isV6 = _random.Next(2) == 0;
        TrialEnd first = End(_config.Enis[_random.Next(_config.Enis.Count)], isV6);
        EniConfig other;
        do
        {
            other = _config.Enis[_random.Next(_config.Enis.Count)];
        }
        while (other.Name == first.Port);

        TrialEnd second = End(other, isV6);
        MacAddress gateway = _config.Switch.GatewayMac;
        ushort service = TrialPolicy.Services[_random.Next(TrialPolicy.Services.Length)];
        switch (_random.Next(100))
        {
            case < 65:
                return new TcpTrial(_random, first, second, gateway, NextPort(), service);
            case < 77:
                return new DatagramTrial(_random, first, second, gateway, 17, NextPort(), service);
            case < 79:
                return Shared(first, second, gateway, service);
            case < 81:
                return new SctpTrial(_random, first, second, gateway, NextPort(), service);
            case < 89:
                return new QueryTrial(_random, first, second, gateway, NextPort());
            default:
                List<TrialConversation> subjects =
                    [.. _live.Concat(_past.TakeLast(200)).Where(c => c is not ErrorTrial && c.History.Count > 0)];
                return subjects.Count == 0
                    ? new DatagramTrial(_random, first, second, gateway, 17, NextPort(), service)
                    : MakeErrors(subjects[_random.Next(subjects.Count)], gateway);
        }
    }

    private ErrorTrial MakeErrors(TrialConversation subject, MacAddress gateway)
    {
        EniConfig third = _config.Enis.Single(eni => subject.Ends.All(end => end.Port != eni.Name));
        return new ErrorTrial(_random, subject, End(third, subject.Ends[0].Address.IsV6), gateway);
    }

    /// <summary>A conversation of a protocol without ports: all between two addresses are one.</summary>
    private TrialConversation Shared(TrialEnd first, TrialEnd second, MacAddress gateway, ushort service)
    {
        byte protocol = RareProtocols[_random.Next(RareProtocols.Length)];
        string[] ends = [.. new[] { first.Address.ToString(), second.Address.ToString() }.Order(StringComparer.Ordinal)];
        string key = $"{protocol} {ends[0]} {ends[1]}";
        if (_byAddresses.ContainsKey(key))
        {
            return new TcpTrial(_random, first, second, gateway, NextPort(), service);
        }

        var made = new DatagramTrial(_random, first, second, gateway, protocol, 0, 0);
        _byAddresses[key] = made;
        return made;
    }

    private ushort NextPort() => _clientPort = (ushort)(_clientPort == 60000 ? 20001 : _clientPort + 1);

    private TrialEnd End(EniConfig eni, bool isV6)
    {
        List<IpAddress> addresses = [.. eni.PrivateIps.Where(ip => ip.IsV6 == isV6)];
        return new TrialEnd(eni.Name, eni.Mac, addresses[_random.Next(addresses.Count)]);
    }
}
