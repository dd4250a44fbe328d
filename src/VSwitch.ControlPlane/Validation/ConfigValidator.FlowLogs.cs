using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Validation;

/// <content>Flow logs: whom they are about.</content>
internal sealed partial class ConfigValidator
{
    private void ValidateFlowLogs()
    {
        Collect(_config.FlowLogs, f => f.Name, f => f.Position, "flow log", new Dictionary<string, FlowLogConfig>(), f => f);
        foreach (FlowLogConfig log in _config.FlowLogs)
        {
            if (log.Eni != null && !_enis.ContainsKey(log.Eni))
            {
                _errors.Add(log.Position, $"flow log '{log.Name}' names ENI '{log.Eni}', which does not exist; add it or correct the name");
            }

            if (log.Subnet != null && !_subnets.ContainsKey(log.Subnet))
            {
                _errors.Add(log.Position, $"flow log '{log.Name}' names subnet '{log.Subnet}', which does not exist; add it or correct the name");
            }

            if (log.Vpc != null && !_vpcs.ContainsKey(log.Vpc))
            {
                _errors.Add(log.Position, $"flow log '{log.Name}' names VPC '{log.Vpc}', which does not exist; add it or correct the name");
            }
        }
    }
}
