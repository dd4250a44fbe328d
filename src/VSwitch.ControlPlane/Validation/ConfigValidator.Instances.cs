using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Validation;

/// <content>What an ENI is to its instance: attached or not, its queues, its EIPs.</content>
internal sealed partial class ConfigValidator
{
    private void ValidateLife(EniConfig eni)
    {
        if (eni.Detached && eni.Instance != null)
        {
            _errors.Add(eni.Position, eni.Primary
                ? $"ENI '{eni.Name}' is the primary one of instance '{eni.Instance}', which is never detached; remove 'detached: true'"
                : $"ENI '{eni.Name}' is detached and names instance '{eni.Instance}'; remove one of the two");
        }
        else if (eni.Primary && eni.Instance == null)
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' is a primary one and names no instance; add 'instance' or remove 'primary: true'");
        }

        ValidateQueues(eni);
    }

    private void ValidateQueues(EniConfig eni)
    {
        if (eni.Queues is not int queues)
        {
            return;
        }

        if (eni.Device?.Queues is int made && queues > made)
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' asks for {queues} queues, its device is made with {made}; ask for fewer or raise the device's 'queues'");
        }
        else if (eni.Instance != null && _instances.TryGetValue(eni.Instance, out InstanceConfig? instance) && queues > EniQueues.OfVcpus(instance.Vcpus))
        {
            int most = EniQueues.OfVcpus(instance.Vcpus);
            _errors.Add(eni.Position, $"ENI '{eni.Name}' asks for {queues} queues; with {instance.Vcpus} vCPUs it takes {most} (1 vCPU: 1, 2 and 3: 2, 4 and more: 4): ask for fewer or give instance '{instance.Name}' more vCPUs");
        }
        else if (eni.Device != null && eni.Device.Tap == null && queues > (eni.Device.Queues ?? 1))
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' asks for {queues} queues, and its device is no TAP; put 'queues' into its device");
        }
    }

    private void ValidateZone(ElasticIpConfig eip, EniConfig eni)
    {
        if (eip.SingleZone && !eni.Primary)
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' is of a single zone and ENI '{eni.Name}' is no primary one; an EIP of a single zone is never a secondary ENI's: take another EIP or the primary ENI");
        }
    }
}
