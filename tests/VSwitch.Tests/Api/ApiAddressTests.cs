using VSwitch.Api;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Where an API may be, as <c>--api</c> says it.</summary>
public sealed class ApiAddressTests
{
    [Theory]
    [InlineData("unix:/run/vswitch/api.sock", "unix:/run/vswitch/api.sock")]
    [InlineData("unix:/run/../tmp/a.sock", "unix:/tmp/a.sock")]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:8080/", "http://127.0.0.1:8080")]
    [InlineData("http://127.9.9.9:1", "http://127.9.9.9:1")]
    [InlineData("http://localhost:8080", "http://127.0.0.1:8080")]
    [InlineData("http://[::1]:8080", "http://[::1]:8080")]
    public void Is_understood(string text, string meant) => Assert.Equal(meant, ApiAddress.Parse(text).ToString());

    [Theory]
    [InlineData("unix:", "no path")]
    [InlineData("/run/vswitch/api.sock", "write unix:PATH")]
    [InlineData("", "write unix:PATH")]
    [InlineData("https://127.0.0.1:8080", "write unix:PATH")]
    [InlineData("http://", "write unix:PATH")]
    [InlineData("http://127.0.0.1", "an address and a port")]
    [InlineData("http://127.0.0.1:8080/v1", "an address and a port")]
    [InlineData("http://me@127.0.0.1:8080", "an address and a port")]
    [InlineData("http://0.0.0.0:8080", "only this machine's own")]
    [InlineData("http://192.0.2.1:8080", "only this machine's own")]
    [InlineData("http://example.org:8080", "only this machine's own")]
    [InlineData("http://[::]:8080", "only this machine's own")]
    [InlineData("http://127.0.0.1:0", "only this machine's own")]
    public void Is_refused_with_the_mend(string text, string mend) =>
        Assert.Contains(mend, Assert.Throws<ArgumentException>(() => ApiAddress.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_path_is_as_long_as_the_kernel_takes_it_and_no_longer()
    {
        string longest = "/" + new string('a', ApiAddress.LongestPathBytes - 1);
        Assert.Equal(longest, ApiAddress.Parse("unix:" + longest).SocketPath);
        var refusal = Assert.Throws<ArgumentException>(() => ApiAddress.Parse("unix:" + longest + "b"));
        Assert.Contains("at most 107 bytes", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_is_roots_or_the_users_or_none()
    {
        Assert.Equal("unix:/run/vswitch/api.sock", ApiAddress.Default(isRoot: true, "/run/user/0")!.ToString());
        Assert.Equal("unix:/run/user/7/vswitch.sock", ApiAddress.Default(isRoot: false, "/run/user/7")!.ToString());
        Assert.Null(ApiAddress.Default(isRoot: false, null));
        Assert.Null(ApiAddress.Default(isRoot: false, ""));
        Assert.Null(ApiAddress.Default(isRoot: false, "/" + new string('a', 120)));
    }

    [Fact]
    public void A_lab_has_a_socket_of_its_own_also_where_its_name_is_too_long_for_one()
    {
        Assert.Equal("unix:/run/vswitch/lab-a-12345678.sock", LabState.ApiOf("/run/vswitch/lab-a-12345678.json")!.ToString());
        string name = new('x', 120);
        Assert.Equal("unix:/run/vswitch/lab-12345678.sock", LabState.ApiOf($"/run/vswitch/lab-{name}-12345678.json")!.ToString());
        Assert.Null(LabState.ApiOf($"/{name}/lab-a-12345678.json"));
    }
}
