namespace VSwitch.ControlPlane.Compile;

/// <summary>Numbers for names, stable over reconfigurations: connections, counters and rate limits hold these numbers, so a
/// name keeps its number for the life of the switch, also while it is not configured, until it is released.</summary>
public sealed class NumberDirectory
{
    /// <summary>Ports and VPCs have 16-bit numbers in the data plane.</summary>
    private const int MostNumbers = ushort.MaxValue;

    private readonly NumberSpace _ports = new("ENIs", 1, MostNumbers);
    private readonly NumberSpace _vpcs = new("VPCs", 1, MostNumbers);
    private readonly NumberSpace _buckets = new("EIP rate limits", 0, int.MaxValue);

    /// <summary>Highest port number given, plus one; the internet side is 0.</summary>
    public int PortCount => _ports.End;

    /// <summary>Highest VPC number given, plus one; the public space is 0.</summary>
    public int VpcCount => _vpcs.End;

    /// <summary>Highest token bucket given, plus one.</summary>
    public int BucketCount => _buckets.End;

    /// <summary>Port of an ENI, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int PortOf(string eni) => _ports.Of(eni);

    /// <summary>Number of a VPC, from 1.</summary>
    /// <exception cref="InvalidOperationException">All 65535 are taken.</exception>
    public int VpcOf(string vpc) => _vpcs.Of(vpc);

    /// <summary>Token bucket of an EIP's direction, from 0.</summary>
    public int BucketOf(string eip, bool isOutbound) => _buckets.Of(BucketName(eip, isOutbound));

    /// <summary>Lets the next new ENI have the number of one that is gone. The caller knows that no connection and no
    /// counter of the old one is of interest any more.</summary>
    /// <returns>False when the ENI has no number.</returns>
    public bool ReleasePort(string eni) => _ports.Release(eni);

    /// <summary>Lets the next new VPC have the number of one that is gone, once no connection of it can be left.
    /// </summary>
    /// <returns>False when the VPC has no number.</returns>
    public bool ReleaseVpc(string vpc) => _vpcs.Release(vpc);

    /// <summary>Lets other EIPs have the token buckets of one that is gone.</summary>
    /// <returns>False when the EIP has none.</returns>
    public bool ReleaseBuckets(string eip)
    {
        bool outbound = _buckets.Release(BucketName(eip, isOutbound: true));
        bool inbound = _buckets.Release(BucketName(eip, isOutbound: false));
        return outbound || inbound;
    }

    private static string BucketName(string eip, bool isOutbound) => (isOutbound ? ">" : "<") + eip;

    /// <summary>Numbers of one kind: the lowest released one first, else the next.</summary>
    private sealed class NumberSpace(string what, int first, int most)
    {
        private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
        private readonly PriorityQueue<int, int> _released = new();

        public int End { get; private set; } = first;

        public int Of(string name)
        {
            if (_numbers.TryGetValue(name, out int number))
            {
                return number;
            }

            if (!_released.TryDequeue(out number, out _))
            {
                if (End > most)
                {
                    throw new InvalidOperationException($"all {most} numbers for {what} are given; restart the switch");
                }

                number = End++;
            }

            _numbers.Add(name, number);
            return number;
        }

        public bool Release(string name)
        {
            bool had = _numbers.Remove(name, out int number);
            if (had)
            {
                _released.Enqueue(number, number);
            }

            return had;
        }
    }
}
