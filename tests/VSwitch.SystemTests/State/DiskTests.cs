using System.Diagnostics;
using System.Globalization;
using VSwitch.Api;
using Xunit;

namespace VSwitch.SystemTests.State;

/// <summary>A disk that is full, a folder that may not be written, one that is gone: changes are refused with a sentence and counted, the
/// switch goes on as it was, and takes changes again when the cause is gone. Mounts stand in mount namespaces of the test's own.</summary>
public sealed class DiskTests : IDisposable
{
    private const string InNamespace = "mount --make-rprivate / && ";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-disk-").FullName;
    private readonly string _state;

    public DiskTests()
    {
        _state = Path.Combine(_folder, "state");
        StateSwitch.WriteConfig(_folder, 0);
    }

    [RootFact("unshare", "mount")]
    public void A_full_disk_refuses_changes_until_there_is_room()
    {
        Directory.CreateDirectory(_state);
        using StateSwitch program = StateSwitch.Start(
            _folder, _state, withConfig: true, "unshare", "-m", "sh", "-c", InNamespace + "mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"", _state);
        Assert.True(program.IsRunning(), string.Join('\n', program.Log));
        Assert.Equal(2, program.Put(1));
        string filler = $"/proc/{program.Process.Id.ToString(CultureInfo.InvariantCulture)}/root{_state}/filler";
        Fill(filler);
        AssertRefused(program, (2, 1), "No space left on device");
        File.Delete(filler);
        Assert.Equal(3, program.Put(3));
        AssertInOrder(program, (3, 3));
    }

    [RootFact("unshare", "mount", "nsenter")]
    public void A_folder_that_becomes_read_only_refuses_changes_until_it_is_not_and_a_switch_starts_on_it()
    {
        using (StateSwitch first = StateSwitch.Start(_folder, _state, withConfig: true))
        {
            Assert.True(first.IsRunning(), string.Join('\n', first.Log));
            Assert.Equal(2, first.Put(1));
            Assert.Equal(0, first.Terminate());
        }

        using StateSwitch program = StateSwitch.Start(_folder, _state, withConfig: true,
            "unshare", "-m", "sh", "-c", InNamespace + "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"", _state);
        Assert.True(program.IsRunning(), string.Join('\n', program.Log));
        Assert.Contains(program.Log, l => l.Contains("changes are refused until it can", StringComparison.Ordinal));
        AssertRefused(program, (2, 1), "Read-only file system");
        Mount(program, "mount", "-o", "remount,rw,bind", _state);
        Assert.Equal(3, program.Put(3));

        // A mount with an open file does not become read-only when asked: another one of the same folder goes over it.
        Mount(program, "mount", "-o", "bind,ro", _state, _state);
        AssertRefused(program, (3, 3), "Read-only file system");
        Mount(program, "umount", _state);
        Assert.Equal(4, program.Put(4));
    }

    [RootFact("setpriv")]
    public void Who_may_not_write_the_folder_is_told()
    {
        using (StateSwitch owner = StateSwitch.Start(_folder, _state, withConfig: true))
        {
            Assert.True(owner.IsRunning(), string.Join('\n', owner.Log));
        }

        using (Process chmod = Process.Start("chmod", ["0777", _folder]))
        {
            chmod.WaitForExit();
        }

        using StateSwitch stranger = StateSwitch.Start(
            _folder, _state, withConfig: true, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
        Assert.False(stranger.IsRunning());
        stranger.Process.WaitForExit();
        Assert.Equal(1, stranger.Process.ExitCode);
        Assert.Contains(stranger.Log, l => l.Contains($"vswitch: state folder {_state} cannot be read", StringComparison.Ordinal) &&
            l.Contains("denied", StringComparison.Ordinal));
        Assert.DoesNotContain(stranger.Log, l => l.Contains("   at ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_that_is_gone_and_back_and_a_second_switch_on_it()
    {
        using StateSwitch program = StateSwitch.Start(_folder, _state, withConfig: true);
        Assert.True(program.IsRunning(), string.Join('\n', program.Log));
        string other = Directory.CreateDirectory(Path.Combine(_folder, "other")).FullName;
        StateSwitch.WriteConfig(other, 5);
        using (StateSwitch second = StateSwitch.Start(other, _state, withConfig: true))
        {
            Assert.False(second.IsRunning());
            second.Process.WaitForExit();
            Assert.Equal(1, second.Process.ExitCode);
            Assert.Contains(second.Log, l => l == $"vswitch: state folder {_state} is in use by another vswitch run: give each its own, or end that one");
        }

        Directory.Move(_state, _state + "-moved");
        AssertRefused(program, (1, 0), "is gone");
        Directory.Move(_state + "-moved", _state);
        Assert.Equal(2, program.Put(1));
        Directory.Delete(_state, recursive: true);
        AssertRefused(program, (2, 1), "is gone");
        Directory.CreateDirectory(_state);
        Assert.Null(program.HangUp(7));
        AssertInOrder(program, (3, 7));
        Assert.Equal(0, program.Terminate());

        using StateSwitch next = StateSwitch.Start(other, _state, withConfig: true);
        Assert.True(next.IsRunning(), string.Join('\n', next.Log));
        Assert.Equal((3, 7), next.InForce());
        Assert.Contains(next.Log, l => l.Contains("config.json is not what is in force: the state, revision 3, differs in 1 thing", StringComparison.Ordinal));
        Assert.Equal(["sighup", "apply", "start"],
            next.Get("/v1/changes").GetProperty("changes").EnumerateArray().Select(c => c.GetProperty("by").GetString()));
    }

    [Fact]
    public void Neither_a_state_nor_a_configuration_is_wrong_usage()
    {
        using StateSwitch program = StateSwitch.Start(_folder, _state, withConfig: false);
        Assert.False(program.IsRunning());
        program.Process.WaitForExit();
        Assert.Equal(2, program.Process.ExitCode);
        Assert.Contains(program.Log, l => l.Contains("has no state yet: name the CONFIG", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Refused by the API and by SIGHUP, counted, and nothing changed.</summary>
    private static void AssertRefused(StateSwitch program, (long Revision, int Number) inForce, string why)
    {
        long before = program.Get("/v1/status").GetProperty("state").GetProperty("refused").GetInt64();
        var refusal = Assert.Throws<ApiException>(() => program.Put(1000));
        Assert.Equal(503, refusal.Status);
        Assert.Contains("urn:vswitch:problem:unavailable", refusal.Body, StringComparison.Ordinal);
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        string? line = program.HangUp(1001);
        Assert.Contains(why, line, StringComparison.Ordinal);
        Assert.Equal(inForce, program.InForce());
        Assert.Equal(before + 2, program.Get("/v1/status").GetProperty("state").GetProperty("refused").GetInt64());
        Assert.Contains(why, program.Get("/v1/status").GetProperty("state").GetProperty("lastRefusal").GetString(), StringComparison.Ordinal);
    }

    private static void AssertInOrder(StateSwitch program, (long Revision, int Number) inForce)
    {
        Assert.Equal(inForce, program.InForce());
        Assert.False(program.Get("/v1/status").GetProperty("state").TryGetProperty("lastRefusal", out _));
    }

    private static void Fill(string path)
    {
        using FileStream file = File.Create(path, bufferSize: 1);
        byte[] page = new byte[1024];
        try
        {
            while (true)
            {
                file.Write(page);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>Changes the mounts that a switch sees.</summary>
    private static void Mount(StateSwitch program, params string[] words)
    {
        using Process nsenter = Process.Start("nsenter", ["-t", program.Process.Id.ToString(CultureInfo.InvariantCulture), "-m", .. words]);
        nsenter.WaitForExit();
        Assert.Equal(0, nsenter.ExitCode);
    }
}
