using System.Globalization;
using VSwitch.Bench;
using VSwitch.Bench.Reporting;
using VSwitch.DataPlane.Devices;
using VSwitch.SharpPcap.Bench;

// Prints the table; with the name of a text it also writes it between the text's marks.
try
{
    string table = DeviceBench.Run();
    string where = string.Create(
        CultureInfo.InvariantCulture, $"{BenchMachine.Processor}, Linux {BenchMachine.Kernel}, commit {BenchMachine.Commit[..Math.Min(12, BenchMachine.Commit.Length)]}.");
    Console.WriteLine($"{where}\n\n{table}");
    if (args is [string readme])
    {
        File.WriteAllText(readme, MarkedText.Replace(File.ReadAllText(readme), "sharppcap", $"{where}\n\n{table}"));
    }

    return 0;
}
catch (Exception e) when (e is IOException or DeviceException)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}
