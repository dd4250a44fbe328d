using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;

namespace VSwitch.ControlPlane.Compile;

/// <summary>The words of rules, made when someone asks.</summary>
/// <param name="groups">Groups by number; null where there is none.</param>
internal sealed class SecurityGroupWords(SecurityGroupConfig?[] groups) : IRuleWords
{
    /// <inheritdoc/>
    public string? Of(int group, int ordinal)
    {
        if (group >= groups.Length || groups[group] is not SecurityGroupConfig config)
        {
            return null;
        }

        bool isEgress = (ordinal & 1) == 0;
        int place = ordinal >> 1;
        if (isEgress && config.Egress == null)
        {
            return place == 0 ? $"group {config.Name}, egress default (all)" : null;
        }

        IReadOnlyList<RuleConfig> rules = isEgress ? config.Egress! : config.Ingress;
        return place >= rules.Count ? null
            : $"group {config.Name}, {(isEgress ? "egress" : "ingress")} rule {place + 1} ({RuleText.Of(rules[place], isEgress)})";
    }
}
