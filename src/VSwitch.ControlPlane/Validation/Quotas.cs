namespace VSwitch.ControlPlane.Validation;

/// <summary>JD Cloud's quotas that the configuration is checked against (interface.md section 2, semantics.md section 9).</summary>
public static class Quotas
{
    /// <summary>One primary and 20 secondary addresses.</summary>
    public const int AddressesPerEni = 21;

    /// <summary>Security groups of an ENI.</summary>
    public const int GroupsPerEni = 5;

    /// <summary>Shortest IPv4 prefix of a VPC or subnet (semantics.md decision 9).</summary>
    public const int ShortestPrefix4 = 16;

    /// <summary>Longest IPv4 prefix of a VPC or subnet.</summary>
    public const int LongestPrefix4 = 28;

    /// <summary>Peerings of a VPC, those that are not accepted included; between two VPCs there is one at most.</summary>
    public const int PeeringsPerVpc = 10;

    /// <summary>Network ACLs of a VPC.</summary>
    public const int NetworkAclsPerVpc = 20;

    /// <summary>Rules of a network ACL, both directions together.</summary>
    public const int RulesPerNetworkAcl = 100;

    /// <summary>Rules of a security group in one direction; not JD Cloud's 100, but what the rules' numbers take.</summary>
    public const int RulesPerGroup = 32_000;

    /// <summary>Security groups of a switch; what the rules' numbers take.</summary>
    public const int Groups = 32_000;

    /// <summary>Highest packet rate that an ENI can be limited to: at ten million a second a packet is worth 100 ns, and a rate is exact to
    /// whole nanoseconds a packet.</summary>
    public const int PacketsPerSecond = 10_000_000;

    /// <summary>ENIs of an instance by its vCPUs; 3 vCPUs are undefined there and count as 2.</summary>
    public static int EnisPerInstance(int vcpus) => vcpus switch
    {
        <= 3 => 2,
        <= 8 => 4,
        _ => 8,
    };

    /// <summary>NAT gateways of a VPC: JD Cloud's 5 of an account and region, of which a switch may serve many.</summary>
    public const int NatGatewaysPerVpc = 5;

    /// <summary>Elastic IPs of a NAT gateway: JD Cloud's 10 of a region.</summary>
    public const int ElasticIpsPerNatGateway = 10;

    /// <summary>Load balancers of a VPC: JD Cloud's 5 of an account and region, of which a switch may serve many.</summary>
    public const int LoadBalancersPerVpc = 5;

    /// <summary>Listeners of a load balancer.</summary>
    public const int ListenersPerLoadBalancer = 20;

    /// <summary>Backends of a listener: instances of a server group.</summary>
    public const int BackendsPerListener = 100;

    /// <summary>Places where an EIP may drift.</summary>
    public const int StandbysPerEip = 8;

    /// <summary>Mirrors of a switch; captures need places among <see cref="DataPlane.Watching.WatchSet.MaxWatchers"/>, too.</summary>
    public const int Mirrors = 16;
}
