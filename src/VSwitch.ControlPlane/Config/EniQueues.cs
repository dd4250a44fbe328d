namespace VSwitch.ControlPlane.Config;

/// <summary>The question: how many queues does an ENI have? JD Cloud's rule is a queue a vCPU, in powers of two, 4 at most (semantics.md
/// section 8); <c>enis[].queues</c> asks for fewer, a device's own <c>queues</c> says what it is made with.</summary>
public static class EniQueues
{
    /// <summary>Queues of an ENI at most by its instance's vCPUs.</summary>
    public const int MostOfInstance = 4;

    /// <summary>Queues of an ENI by its instance's vCPUs: 1, 2 and 3 have 2, 4 and more have 4.</summary>
    public static int OfVcpus(int vcpus) => vcpus switch
    {
        1 => 1,
        <= 3 => 2,
        _ => MostOfInstance,
    };

    /// <summary>Queues that an ENI uses.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="eni">One of its ENIs.</param>
    /// <param name="workers">Workers of the switch: an ENI of no instance has a queue for each.</param>
    public static int Of(SwitchConfig config, EniConfig eni, int workers)
    {
        InstanceConfig? instance = eni.Instance == null ? null : config.Instances.FirstOrDefault(i => i.Name == eni.Instance);
        return eni.Queues ?? eni.Device?.Queues ?? (instance == null ? workers : OfVcpus(instance.Vcpus));
    }
}
