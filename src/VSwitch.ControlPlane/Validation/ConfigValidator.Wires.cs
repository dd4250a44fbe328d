using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Validation;

/// <content>Wires: faults between a port and what is attached to it.</content>
internal sealed partial class ConfigValidator
{
    private void ValidateWires()
    {
        foreach (WireConfig wire in _config.Wires)
        {
            if (!HasPort(wire.Port))
            {
                _errors.Add(wire.Position, $"there is a wire of port '{wire.Port}', which does not exist; add the ENI or correct the name");
            }

            foreach ((string direction, WireFaultConfig faults) in new[] { ("in", wire.In), ("out", wire.Out) })
            {
                string? wrong = faults.Reorder > 0 && faults.Delay == default ? "reorder needs a delay: a frame overtakes those that wait"
                    : faults.Jitter > faults.Delay ? "jitter is larger than the delay; a frame cannot come before it was sent"
                    : null;
                if (wrong != null)
                {
                    _errors.Add(wire.Position, $"wire of port '{wire.Port}', direction {direction}: {wrong}");
                }
            }
        }
    }
}
