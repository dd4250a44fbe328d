using System.CommandLine;
using System.Text.Json;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Commands;

/// <summary>What all commands share: exit codes, errors in one line, configurations, JSON.</summary>
internal static class CommandLine
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int Interrupted = 130;

    private static readonly Option<bool> Verbose = new("--verbose") { Description = "say more, stack traces of our own errors too", Recursive = true };

    /// <summary>True when the user asks for more words.</summary>
    public static bool IsVerbose(ParseResult parsed) => parsed.GetValue(Verbose);

    /// <summary>Parses and runs; no stack trace reaches the user unless asked for.</summary>
    public static int Invoke(RootCommand root, string[] args)
    {
        root.Options.Add(Verbose);
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
            {
                Console.Error.WriteLine($"vswitch: {error.Message}");
            }

            Console.Error.WriteLine("vswitch: see vswitch --help");
            return WrongUsage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e) when (e is IOException or DeviceException or UnauthorizedAccessException or ArgumentException
            or InsufficientMemoryException or StateException)
        {
            Console.Error.WriteLine($"vswitch: {(parsed.GetValue(Verbose) ? e.ToString() : e.Message)}");
            return e is ArgumentException ? WrongUsage : Failed;
        }
    }

    /// <summary>Reads a configuration; on errors prints them all and gives null.</summary>
    public static SwitchConfig? ReadConfig(string path)
    {
        ConfigResult result = ConfigReader.Read(path);
        foreach (ConfigError error in result.Errors)
        {
            Console.Error.WriteLine(error);
        }

        return result.Config;
    }

    public static void WriteJson(object value) => Console.Out.WriteLine(ToJson(value));

    public static string ToJson(object value) => JsonSerializer.Serialize(value, ApiJson.Indented);

    /// <summary>Reads what <see cref="WriteJson"/> wrote.</summary>
    /// <exception cref="IOException">The text is no such document.</exception>
    public static T ReadJson<T>(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, ApiJson.Indented) ?? throw new IOException("the document is empty");
        }
        catch (JsonException e)
        {
            throw new IOException($"not the document that was expected: {e.Message}", e);
        }
    }

    public static Argument<string> ConfigArgument() => new("CONFIG") { Description = "the configuration file (YAML or JSON)" };

    public static Option<bool> JsonOption() => new("--json") { Description = "one JSON document on standard output" };
}
