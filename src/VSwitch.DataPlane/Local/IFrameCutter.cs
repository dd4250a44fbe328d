namespace VSwitch.DataPlane.Local;

/// <summary>Makes several frames of one: fragments of a packet, segments of a super-packet.</summary>
internal unsafe interface IFrameCutter
{
    /// <summary>True once all of the packet was written.</summary>
    bool IsDone { get; }

    /// <summary>Writes the next frame, complete with its checksums; its length in bytes.</summary>
    int Next(byte* frame);
}
