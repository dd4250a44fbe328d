using VSwitch.ControlPlane.Config;

namespace VSwitch.Live;

/// <summary>Queues of a port's device.</summary>
/// <param name="Active">In use now.</param>
/// <param name="Most">That it is made with, for more to come while it runs.</param>
internal readonly record struct PortQueues(int Active, int Most)
{
    /// <summary>Those of a port by its name.</summary>
    public static PortQueues Of(SwitchConfig config, string port, int workers)
    {
        if (config.Enis.FirstOrDefault(e => e.Name == port) is not EniConfig eni)
        {
            int all = config.Internet?.Device?.Queues ?? workers;
            return new PortQueues(all, all);
        }

        int active = EniQueues.Of(config, eni, workers);
        return new PortQueues(active, eni.Device?.Queues ?? Math.Max(active, EniQueues.MostOfInstance));
    }
}
