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
}
