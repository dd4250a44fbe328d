using System.CommandLine;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Commands;

/// <summary>vswitch check: is the configuration good?</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command("check", "Validate a configuration; every error with its place and the mend; warnings for what does nothing.\n\nExample: vswitch check lab.yaml") { config, json };
        command.SetAction(parsed => Run(parsed.GetValue(config)!, parsed.GetValue(json)));
        return command;
    }

    private static int Run(string path, bool json)
    {
        ConfigResult result = ConfigReader.Read(path);
        if (json)
        {
            CommandLine.WriteJson(new
            {
                Valid = result.Config != null,
                Errors = result.Errors.Select(e => new { e.File, e.Position.Line, e.Position.Column, e.Message }),
                Warnings = result.Warnings.Select(e => new { e.File, e.Position.Line, e.Position.Column, e.Message }),
            });
        }
        else
        {
            foreach (ConfigError error in result.Errors)
            {
                Console.Error.WriteLine(error);
            }

            foreach (ConfigError warning in result.Warnings)
            {
                Console.Error.WriteLine($"{warning.File}:{warning.Position.Line}:{warning.Position.Column}: warning: {warning.Message}");
            }
        }

        if (result.Config is not SwitchConfig c)
        {
            return CommandLine.WrongUsage;
        }

        if (!json)
        {
            Console.Out.WriteLine($"{path}: good: {c.Vpcs.Count} VPCs, {c.Enis.Count} ENIs, {c.SecurityGroups.Count} security groups, {c.ElasticIps.Count} elastic IPs{(c.Gateways.Count > 0 ? $", {c.Gateways.Count} gateways" : "")}");
        }

        return CommandLine.Done;
    }
}
