using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using VSwitch.Testing.Reference;

namespace VSwitch.Tests.FlowLogs;

/// <summary>The real data plane with recorders, and their reading end on the same thread: the workers' clock is the world's.</summary>
internal sealed class FlowLogBed : IDisposable
{
    public const long StartMs = 1_700_000_000_000;
    private readonly FlowLogHistory _history = new();
    private readonly FlowRecorder[] _recorders;
    private readonly FlowReport[] _reports = new FlowReport[64];

    public FlowLogBed(SwitchConfig config, int workers = 1, int ringCapacity = 1 << 16, bool isOn = true)
    {
        Switch = new SwitchUnderTest(config, workers);
        _history.Add(config, Switch.Snapshot);
        NowMs = StartMs;
        _recorders = [.. Switch.Workers.Workers.Select(w => new FlowRecorder(w.Pipeline.Connections, 64, ringCapacity, null))];
        if (isOn)
        {
            TurnOn();
        }
    }

    public SwitchUnderTest Switch { get; }

    public long NowMs { get; set; }

    public FlowLogTopology Topology => _history.Newest;

    public FlowReportLoss LossOf(string eni) => _recorders.Select(r => r.LossOf(Array.IndexOf(Switch.Snapshot.PortNames, eni)))
        .Aggregate((a, b) => new FlowReportLoss { Reports = a.Reports + b.Reports, Packets = a.Packets + b.Packets, Bytes = a.Bytes + b.Bytes });

    public void TurnOn()
    {
        for (int i = 0; i < _recorders.Length; i++)
        {
            new FlowRecorderChange(_recorders[i], recordsRejects: true).Step(Switch.Workers.Workers[i]);
        }
    }

    public ReferenceOutcome Send(string port, byte[] frame) => Switch.Receive(port, frame, NowMs * 1_000_000);

    public void Reconfigure(SwitchConfig config)
    {
        Switch.Reconfigure(config);
        _history.Add(config, Switch.Snapshot);
    }

    /// <summary>Lets all timers run that are due.</summary>
    public void Expire()
    {
        foreach (Worker worker in Switch.Workers.Workers)
        {
            worker.Pipeline.Begin(NowMs * 1_000_000, int.MaxValue);
        }
    }

    /// <summary>Has the workers report, and reads everything.</summary>
    public List<FlowRecord> Walk(bool mayDrain = true)
    {
        var records = new List<FlowRecord>();
        for (int i = 0; i < _recorders.Length; i++)
        {
            Worker worker = Switch.Workers.Workers[i];
            var walk = new FlowReportWalk(_recorders[i]);
            do
            {
                worker.Pipeline.Begin(NowMs * 1_000_000, 0);
                if (mayDrain)
                {
                    Read(_recorders[i], records);
                }
                else
                {
                    // The walk waits for a reader for some time.
                    NowMs++;
                }
            }
            while (!walk.Step(worker));
            Read(_recorders[i], records);
        }

        return records;
    }

    /// <summary>Reads what is there without a walk.</summary>
    public List<FlowRecord> Read()
    {
        var records = new List<FlowRecord>();
        foreach (FlowRecorder recorder in _recorders)
        {
            Read(recorder, records);
        }

        return records;
    }

    /// <summary>The lines that a flow log of a VPC gives for records, in order.</summary>
    public string[] Lines(string vpc, string? format, IEnumerable<FlowRecord> records, FlowLogTraffic traffic = FlowLogTraffic.All)
    {
        var aggregator = new FlowLogAggregator(new FlowLogConfig { Name = "t", Vpc = vpc, Traffic = traffic }, StartMs);
        foreach (FlowRecord record in records)
        {
            aggregator.Add(record);
        }

        var text = new StringBuilder();
        new FlowLogText(FlowLogFormat.Parse(format, out _)!).Write(aggregator.Close(StartMs + 60_000, Topology.Enis), text);
        return [.. text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }

    public void Dispose()
    {
        Switch.Dispose();
        foreach (FlowRecorder recorder in _recorders)
        {
            recorder.Dispose();
        }
    }

    private void Read(FlowRecorder recorder, List<FlowRecord> into)
    {
        var clock = new FlowClock(NowMs, (uint)NowMs);
        int count;
        while ((count = recorder.Ring.Read(_reports)) > 0)
        {
            for (int i = 0; i < count; i++)
            {
                FlowRecordMaker.Make(_reports[i], _history.Of(_reports[i].PolicyVersion), clock, into);
            }
        }
    }
}
