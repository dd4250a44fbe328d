namespace VSwitch.ControlPlane.Compile;

/// <summary>Numbers for names, stable over reconfigurations: connections, counters and rate limits hold these numbers, so a
/// name keeps its number for the life of the switch, also while it is not configured.</summary>
public sealed class NumberDirectory
{
    private readonly Dictionary<string, int> _ports = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _vpcs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _buckets = new(StringComparer.Ordinal);

    /// <summary>Highest port number given, plus one; the internet side is 0.</summary>
    public int PortCount => _ports.Count + 1;

    /// <summary>Highest VPC number given, plus one; the public space is 0.</summary>
    public int VpcCount => _vpcs.Count + 1;

    /// <summary>Token buckets given.</summary>
    public int BucketCount => _buckets.Count;

    /// <summary>Port of an ENI, from 1.</summary>
    public int PortOf(string eni) => NumberOf(_ports, eni, 1);

    /// <summary>Number of a VPC, from 1.</summary>
    public int VpcOf(string vpc) => NumberOf(_vpcs, vpc, 1);

    /// <summary>Token bucket of an EIP's direction, from 0.</summary>
    public int BucketOf(string eip, bool isOutbound) => NumberOf(_buckets, (isOutbound ? ">" : "<") + eip, 0);

    private static int NumberOf(Dictionary<string, int> numbers, string name, int first)
    {
        if (!numbers.TryGetValue(name, out int number))
        {
            number = numbers.Count + first;
            numbers.Add(name, number);
        }

        return number;
    }
}
