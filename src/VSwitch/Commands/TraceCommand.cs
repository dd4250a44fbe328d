using System.CommandLine;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Devices.Pcap;
using VSwitch.Trace;

namespace VSwitch.Commands;

/// <summary>vswitch trace: what happens to one packet, stage by stage, and why.</summary>
internal static class TraceCommand
{
    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var packet = new Argument<string?>("PACKET") { Description = "like 'tcp 10.0.1.10:40000 > 10.0.2.20:443 syn'", Arity = ArgumentArity.ZeroOrOne };
        var from = new Option<string>("--from") { Description = "the port it comes in by", Required = true };
        var pcap = new Option<string?>("--pcap") { Description = "take the packet from a capture" };
        var frame = new Option<int>("--frame") { Description = "which frame of the capture, from 1", DefaultValueFactory = _ => 1 };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command("trace", "Explain what happens to one packet, and why.\n\nExample: vswitch trace lab.yaml --from vm1-eth0 'icmp 10.0.1.10 > 198.51.100.7'")
        {
            config, packet, from, pcap, frame, json,
        };
        command.SetAction(parsed => Run(
            parsed.GetValue(config)!, parsed.GetValue(packet), parsed.GetValue(from)!, parsed.GetValue(pcap),
            parsed.GetValue(frame), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string path, string? packet, string port, string? pcap, int number, bool json)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        if (packet == null == (pcap == null))
        {
            throw new ArgumentException("give a packet in words, or --pcap FILE --frame N");
        }

        byte[] bytes = pcap != null ? ReadFrame(pcap, number) : TracePacket.Parse(packet!, port, config);
        IReadOnlyList<TraceStep> steps = Tracer.Explain(config, port, bytes);
        if (json)
        {
            CommandLine.WriteJson(new { From = port, Bytes = bytes.Length, Steps = steps });
            return CommandLine.Done;
        }

        Console.Out.WriteLine($"{packet ?? $"{pcap} frame {number}"}, {bytes.Length} bytes, into {port}");
        foreach (TraceStep step in steps)
        {
            Console.Out.WriteLine($"  {step.Stage,-22} {step.Text}");
        }

        return CommandLine.Done;
    }

    private static byte[] ReadFrame(string path, int number)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        for (int i = 1; reader.TryReadNext(out CaptureRecord record); i++)
        {
            if (i == number)
            {
                return record.LinkType == CaptureReader.LinkTypeEthernet ? record.Bytes.ToArray()
                    : throw new ArgumentException($"{path}: frame {number} is of link type {record.LinkType}, not Ethernet");
            }
        }

        throw new ArgumentException($"{path}: has no frame {number}{(reader.Error == null ? "" : $" ({reader.Error})")}");
    }
}
