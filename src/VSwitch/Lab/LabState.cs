using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using VSwitch.Api;

namespace VSwitch.Lab;

/// <summary>What <c>lab up</c> made, so that <c>lab down</c> removes exactly that, whatever became of the configuration.</summary>
/// <param name="Config">Full path of the configuration.</param>
/// <param name="Switch">The switch in the background.</param>
/// <param name="Log">Where it writes.</param>
/// <param name="Namespaces">Namespaces made.</param>
/// <param name="Names">Namespace by the name of instance, ENI or outside.</param>
/// <param name="Interfaces">Interfaces in them.</param>
/// <param name="Api">Where the switch's API is; null when no path is short enough for a socket.</param>
internal sealed record LabState(
    string Config, LabSwitch Switch, string Log, IReadOnlyList<string> Namespaces, IReadOnlyDictionary<string, string> Names,
    IReadOnlyList<LabStateInterface> Interfaces, string? Api = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The file of a configuration's lab: its name for people, a hash of its full path against namesakes.</summary>
    public static string FileOf(string config, string folder)
    {
        string full = Path.GetFullPath(config);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(full)))[..8];
        return Path.Combine(folder, $"lab-{Path.GetFileNameWithoutExtension(full)}-{hash}.json");
    }

    /// <summary>/run/vswitch for root, else the user's own runtime folder.</summary>
    public static string DefaultFolder()
    {
        string own = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") ?? Path.GetTempPath();
        return Environment.IsPrivilegedProcess ? "/run/vswitch" : Path.Combine(own, "vswitch");
    }

    /// <summary>The API of the lab's switch: a socket of its own beside the state file, so that labs and other switches do not meet. Where
    /// its path would be too long for a socket, the name goes and the hash stays; null when even that is too long.</summary>
    public static ApiAddress? ApiOf(string stateFile)
    {
        string named = Path.ChangeExtension(stateFile, ".sock");
        string hash = named[(named.LastIndexOf('-') + 1)..];
        string? path = new[] { named, Path.Combine(Path.GetDirectoryName(stateFile)!, $"lab-{hash}") }
            .FirstOrDefault(p => Encoding.UTF8.GetByteCount(p) <= ApiAddress.LongestPathBytes);
        return path == null ? null : new ApiAddress(path, null);
    }

    /// <summary>Reads a state; null when there is none.</summary>
    /// <exception cref="IOException">The file is not one of ours.</exception>
    public static LabState? Read(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<LabState>(File.ReadAllText(file), Json);
        }
        catch (JsonException e)
        {
            throw new IOException($"{file} is damaged: {e.Message}; remove it, and what 'ip netns list' still shows", e);
        }
    }

    /// <summary>Writes the state whole or not at all.</summary>
    public void Write(string file)
    {
        string part = file + ".part";
        File.WriteAllText(part, JsonSerializer.Serialize(this, Json));
        File.Move(part, file, overwrite: true);
    }
}

/// <summary>One interface of a lab that is up.</summary>
/// <param name="Port">Port's name.</param>
/// <param name="Tap">Interface name.</param>
/// <param name="Namespace">Where it is.</param>
/// <param name="Addresses">Addresses it was given.</param>
internal sealed record LabStateInterface(string Port, string Tap, string Namespace, IReadOnlyList<string> Addresses);
