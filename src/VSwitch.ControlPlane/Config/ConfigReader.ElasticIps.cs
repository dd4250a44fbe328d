using VSwitch.DataPlane.Tables;

namespace VSwitch.ControlPlane.Config;

/// <content>Where elastic IPs drift.</content>
public static partial class ConfigReader
{
    private static DriftMode ReadDrift(ConfigMap map) => map.Value<DriftMode>("drift", t => t switch
    {
        "reset" => DriftMode.Reset,
        "drop" => DriftMode.Drop,
        "pass" => DriftMode.Pass,
        _ => null,
    }, "reset, drop or pass") ?? DriftMode.Reset;

    private static EipPlaceConfig ReadPlace(ConfigNode node, string what, ConfigErrors errors)
    {
        var map = new ConfigMap(node, what, errors);
        var place = new EipPlaceConfig(map.Required("eni"), map.Address("privateIp"));
        map.Finish();
        return place;
    }
}
