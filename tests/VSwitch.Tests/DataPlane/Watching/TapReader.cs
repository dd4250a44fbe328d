using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>A packet that a tap took down, with its bytes.</summary>
internal sealed record TapEntry(
    int Port, PacketDirection Direction, PacketVerdict Verdict, DropReason Reason, int OtherPort, long LostBefore, long TimeNs, int Length,
    byte[] Frame)
{
    public override string ToString() =>
        $"{Port} {Direction} {Verdict} {Reason} other {OtherPort} {Length} bytes: {Convert.ToHexString(Frame)}";
}

/// <summary>Reads a tap to its end.</summary>
internal static unsafe class TapReader
{
    public static List<TapEntry> Take(PacketTap tap, int most = int.MaxValue)
    {
        var entries = new List<TapEntry>();
        PacketRecord* record;
        while (entries.Count < most && (record = tap.Peek(out int worker)) != null)
        {
            byte[] frame = new ReadOnlySpan<byte>(PacketRecord.FrameOf(record), record->CapturedBytes).ToArray();
            entries.Add(new TapEntry(
                record->Port, record->Direction, record->Verdict, record->Reason, record->OtherPort, record->LostBefore, record->TimeNs,
                record->Length, frame));
            tap.Release(worker, record);
        }

        return entries;
    }
}
