using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;

namespace VSwitch.ControlPlane.Compile;

/// <content>NAT gateways.</content>
public sealed unsafe partial class SnapshotCompiler
{
    /// <summary>Index of the NAT gateway that a route leads to, 0 = none.</summary>
    private ushort NatOf(string target)
    {
        const string NatPrefix = "nat:";
        return target.StartsWith(NatPrefix, StringComparison.Ordinal) ? NatNumber(target[NatPrefix.Length..]) : (ushort)0;
    }

    private ushort NatNumber(string? gateway)
    {
        for (int i = 0; i < _config.NatGateways.Count; i++)
        {
            if (_config.NatGateways[i].Name == gateway)
            {
                return (ushort)(i + 1);
            }
        }

        return 0;
    }

    private NatGateway[] CompileNatGateways() => [NatGateway.None, .. _config.NatGateways.Select(CompileNatGateway)];

    private NatGateway CompileNatGateway(NatGatewayConfig gateway)
    {
        int[] eips = [.. Enumerable.Range(0, _config.ElasticIps.Count).Where(i => _config.ElasticIps[i].NatGateway == gateway.Name)];
        return new NatGateway(
            gateway.Name, (ushort)_numbers.VpcOf(gateway.Vpc), gateway.ConnectionCapacity, CompileTimeouts(gateway.Timeouts),
            [.. eips.Select(i => i + 1)], [.. eips.Select(i => _numbers.EipOf(_config.ElasticIps[i].Name))]);
    }

    private ushort[] NatByEip()
    {
        ushort[] gateways = new ushort[_config.ElasticIps.Select(e => _numbers.EipOf(e.Name)).DefaultIfEmpty(0).Max() + 1];
        foreach (ElasticIpConfig eip in _config.ElasticIps)
        {
            gateways[_numbers.EipOf(eip.Name)] = NatNumber(eip.NatGateway);
        }

        return gateways;
    }

    private static ConnectionTimeouts CompileTimeouts(NatTimeoutSettings t) => new()
    {
        TcpEstablishedMs = (uint)t.TcpEstablished.TotalMilliseconds,
        TcpTransientMs = (uint)t.TcpTransient.TotalMilliseconds,
        TcpClosingMs = (uint)t.TcpTransient.TotalMilliseconds,
        TcpResetMs = (uint)t.TcpTransient.TotalMilliseconds,
        UdpMs = (uint)t.Udp.TotalMilliseconds,
        UdpStreamMs = (uint)t.Udp.TotalMilliseconds,
        IcmpMs = (uint)t.Icmp.TotalMilliseconds,
    };

    /// <summary>Connections must be looked at no later than the shortest idle time of any.</summary>
    private uint ShortestNatTimeoutMs() =>
        _config.NatGateways.Select(g => CompileTimeouts(g.Timeouts).ShortestMs).DefaultIfEmpty(uint.MaxValue).Min();
}
