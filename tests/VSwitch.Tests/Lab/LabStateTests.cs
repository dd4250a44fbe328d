using VSwitch.Lab;
using Xunit;

namespace VSwitch.Tests.Lab;

/// <summary>What lab up leaves behind for lab down.</summary>
public sealed class LabStateTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-lab-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_state_is_read_as_it_was_written()
    {
        string file = LabState.FileOf("a.yaml", _folder);
        var state = new LabState(
            "/a.yaml", new LabSwitch(12, 34567), "/a.log", ["vs-a"], new Dictionary<string, string> { ["vm 1"] = "vs-a" },
            [new LabStateInterface("p", "t", "vs-a", ["10.0.0.3/24", "fd00::3/64"])]);
        state.Write(file);
        LabState back = LabState.Read(file)!;
        Assert.Equal(state.Switch, back.Switch);
        Assert.Equal(state.Names, back.Names);
        Assert.Equal(state.Namespaces, back.Namespaces);
        Assert.Equal(state.Interfaces[0].Addresses, Assert.Single(back.Interfaces).Addresses);
        Assert.Equal([file], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Configurations_of_one_name_in_two_folders_have_two_labs()
    {
        string one = LabState.FileOf("/x/lab.yaml", _folder);
        Assert.NotEqual(one, LabState.FileOf("/y/lab.yaml", _folder));
        Assert.Equal(one, LabState.FileOf("/x/../x/lab.yaml", _folder));
        Assert.StartsWith("lab-lab-", Path.GetFileName(one), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_state_is_said_to_be_damaged()
    {
        string file = LabState.FileOf("a.yaml", _folder);
        File.WriteAllText(file, "{ \"config\": ");
        Assert.Contains("is damaged", Assert.Throws<IOException>(() => LabState.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_never_up_is_down_and_stays_so()
    {
        string config = Path.Combine(_folder, "none.yaml");
        var lab = new LabSession(config, _folder);
        Assert.False(lab.Status().IsUp);
        Assert.False(lab.Down().WasUp);
        Assert.Contains("the lab is not up", Assert.Throws<IOException>(() => lab.Exec("a", ["true"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_is_known_by_its_start_too()
    {
        Assert.False(new LabSwitch(Environment.ProcessId, 1).IsRunning);
    }
}
