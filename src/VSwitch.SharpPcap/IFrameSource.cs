using VSwitch.DataPlane.Buffers;

namespace VSwitch.SharpPcap;

/// <summary>Where a device's frames come from. One worker asks. The device is not the source's: who opened it closes it first.</summary>
internal unsafe interface IFrameSource : IDisposable
{
    /// <summary>A descriptor that poll(2) reports readable when frames wait, or -1.</summary>
    int PollHandle { get; }

    /// <summary>Fills buffers with waiting frames, without waiting itself.</summary>
    /// <returns>How many.</returns>
    int Receive(PacketPool pool, PacketBuffer** packets, int maxCount);
}

/// <summary>Where a device's frames go.</summary>
internal unsafe interface IFrameSink
{
    /// <summary>Sends frames in order; one caller at a time.</summary>
    /// <returns>How many were taken from the front. A frame that can never be sent is taken and counted.</returns>
    int Send(PacketBuffer** packets, int count);
}
