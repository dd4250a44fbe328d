using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane;

public sealed class ConfigWriterTests(ITestOutputHelper output)
{
    [Fact]
    public void What_is_written_reads_back_as_the_same_configuration()
    {
        int seed = Seeded.Take("configurations written and read", output.WriteLine);
        var random = new RandomConfig(new Random(seed));
        for (int round = 0; round < 500; round++)
        {
            SwitchConfig config = random.Next();
            string json = ConfigWriter.ToJson(config);
            ConfigResult read = ConfigReader.Parse("written", json);
            Assert.True(read.Errors.Count == 0, $"round {round}: {string.Join('\n', read.Errors)}\n{json}");
            Assert.Null(ConfigEquality.Difference(config, read.Config));
            Assert.Equal(json, ConfigWriter.ToJson(read.Config!));
        }
    }

    /// <summary>A reader that counted each column from the begin of the line would not come to an end.</summary>
    [Fact]
    public void A_document_of_one_line_has_the_right_columns_to_its_end()
    {
        string rules = string.Concat(Enumerable.Range(0, 100_000).Select(i => $$"""{"protocol":"tcp","ports":"{{i % 60000}}","source":"10.0.0.0/8","remark":"ü😀"},"""));
        string text = $$"""{"vpcs":[{"name":"v","cidrs":["10.0.0.0/16"]}],"prefixLists":[{{rules}}7],"nope":1}""";
        ConfigResult read = ConfigReader.Parse("one line", text);
        Assert.InRange(read.Errors.Count, 1, 1000);
        ConfigResult unknown = ConfigReader.Parse("one line", text.Replace("\"prefixLists\"", "\"mirrorz\"", StringComparison.Ordinal));
        Assert.Equal([text.IndexOf("\"prefixLists\"", StringComparison.Ordinal) + 1, text.IndexOf("\"nope\"", StringComparison.Ordinal) + 1 - 4], unknown.Errors.Select(e => e.Position.Column));
    }
}
