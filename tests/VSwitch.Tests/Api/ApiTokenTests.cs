using VSwitch.Api;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>The bearer token: which files are taken, which headers are admitted.</summary>
public sealed class ApiTokenTests : IDisposable
{
    private const string Good = "0123456789abcdef";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-token-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("Bearer 0123456789abcdef", true)]
    [InlineData("bearer 0123456789abcdef", true)]
    [InlineData("Bearer  0123456789abcdef ", true)]
    [InlineData("Bearer 0123456789abcdeg", false)]
    [InlineData("Bearer 0123456789abcde", false)]
    [InlineData("Bearer 0123456789abcdef0", false)]
    [InlineData("Bearer ", false)]
    [InlineData("Basic 0123456789abcdef", false)]
    [InlineData("0123456789abcdef", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_the_token_is_admitted(string? header, bool admitted) => Assert.Equal(admitted, new ApiToken(Good).Admits(header));

    [Fact]
    public void A_token_is_its_files_one_line() => Assert.Equal(Good, ApiToken.Read(FileOf(Good + "\n")));

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\n \n", "is empty")]
    [InlineData("0123456789abcde", "fewer than 16 characters")]
    [InlineData("0123456789abcdef\n0123456789abcdef", "more than one word")]
    [InlineData("0123456789abcdéf", "more than one word of ASCII")]
    public void A_file_without_a_good_token_is_refused(string text, string why) =>
        Assert.Contains(why, Assert.Throws<IOException>(() => ApiToken.Read(FileOf(text))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_file_that_others_can_touch_is_refused(UnixFileMode more)
    {
        string file = FileOf(Good, more);
        Assert.Contains("chmod 600", Assert.Throws<IOException>(() => ApiToken.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_or_huge_is_refused()
    {
        Assert.Contains("does not exist", Assert.Throws<IOException>(() => ApiToken.Read(Path.Combine(_folder, "none"))).Message, StringComparison.Ordinal);
        Assert.Contains("more than 4096 bytes", Assert.Throws<IOException>(() => ApiToken.Read(FileOf(new string('a', 5000)))).Message, StringComparison.Ordinal);
    }

    private string FileOf(string text, UnixFileMode more = 0)
    {
        string file = Path.Combine(_folder, "token");
        File.WriteAllText(file, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | more);
        }

        return file;
    }
}
