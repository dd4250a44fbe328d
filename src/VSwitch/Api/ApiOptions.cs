using System.CommandLine;

namespace VSwitch.Api;

/// <summary>Where a command finds the switch: the same two options on each.</summary>
internal sealed class ApiOptions
{
    private readonly Option<string?> _address = new("--api")
    {
        Description = "the switch's API: unix:PATH or http://127.0.0.1:PORT; default: unix:/run/vswitch/api.sock as root, else " +
            "unix:$XDG_RUNTIME_DIR/vswitch.sock",
        HelpName = "ADDRESS",
    };

    private readonly Option<string?> _token = new("--token-file")
    {
        Description = "file with the bearer token, for http://",
        HelpName = "FILE",
    };

    /// <summary>Gives a command the options.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_address);
        command.Options.Add(_token);
    }

    /// <summary>What <c>--api</c> says; null when it is not given.</summary>
    public string? AddressOf(ParseResult parsed) => parsed.GetValue(_address);

    /// <summary>What <c>--token-file</c> says.</summary>
    public string? TokenFileOf(ParseResult parsed) => parsed.GetValue(_token);

    /// <summary>A client of the switch that the options name.</summary>
    public ApiClient Connect(ParseResult parsed) => ApiClient.Connect(AddressOf(parsed), TokenFileOf(parsed));
}
